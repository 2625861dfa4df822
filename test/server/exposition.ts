/** Reads the Prometheus text format strictly: what is not in the grammar is an error, not skipped. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly samples: readonly Sample[];
  readonly help: ReadonlyMap<string, string>;
  readonly types: ReadonlyMap<string, string>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (NaN|[+-]Inf|-?[0-9.e+-]+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

/** Also checks that the samples of one family stand together, behind its head, each series once. */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const samples: Sample[] = [];
  const help = new Map<string, string>();
  const types = new Map<string, string>();
  const series = new Set<string>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const known = kind === 'HELP' ? help : types;
      if (known.has(name)) throw new Error(`two ${kind} lines for ${name}`);
      known.set(name, rest);
      current = name;
      continue;
    }
    const sample = parseSample(line);
    const family =
      types.get(current) === 'histogram' ? sample.name.replace(/_(bucket|sum|count)$/, '') : sample.name;
    if (family !== current) throw new Error(`${sample.name} stands in the family ${current}`);
    const identity = line.slice(0, line.lastIndexOf(' '));
    if (series.has(identity)) throw new Error(`${identity} stands twice`);
    series.add(identity);
    samples.push(sample);
  }
  return { samples, help, types };
}

function parseSample(line: string): Sample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`no sample: ${line}`);
  const [, name = '', labelText = '', value = ''] = match;
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < labelText.length) {
    const label = LABEL.exec(labelText);
    if (label === null) throw new Error(`no labels: ${line}`);
    labels[label[1] ?? ''] = (label[2] ?? '').replaceAll(/\\(.)/g, (_, escaped) =>
      escaped === 'n' ? '\n' : escaped,
    );
  }
  return { name, labels, value: Number(value.replace('Inf', 'Infinity')) };
}
