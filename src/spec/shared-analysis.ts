/** AnalysisTemplates and who uses them: each Canary of a directory put together with the template that it names. */
import { didYouMean } from '../lib/text.ts';
import type { AnalysisTemplate, ParsedFile, Spec, TemplateUser } from './canary.ts';
import type { Diagnostic } from './diagnostic.ts';
import { parseUser } from './parse.ts';

/**
 * The same files in the same order, their template users turned into specs or errors; of two templates of one name
 * the second is refused. First is the one that runs already, then the order of file names. A template whose file is
 * broken, or in `unread`, keeps its name, and each Canary that runs with it goes on with the form that it has.
 */
export function resolveTemplates(
  files: readonly ParsedFile[],
  running: readonly Spec[] = [],
  unread: ReadonlySet<string> = new Set(),
): readonly ParsedFile[] {
  if (!files.some(({ templates, users }) => templates !== undefined || users !== undefined)) return files;
  const owners = ownersOf(files, running, unread);
  const forms = new Map(running.map((spec) => [spec.canary.name, spec.template]));
  return files.map((parsed) => {
    const { specs, templates = [], users = [], diagnostics } = parsed;
    const refused = templates.filter((one) => owners.get(one.name)?.template !== one);
    if (users.length === 0 && refused.length === 0) return parsed;
    const put = users.map((user) => putTogether(user, owners, forms.get(user.name ?? '')));
    return {
      specs: [...specs, ...put.flatMap(({ spec }) => spec ?? [])],
      templates: templates.filter((one) => !refused.includes(one)),
      diagnostics: [
        ...diagnostics,
        ...refused.map((one) => refusal(one, owners.get(one.name))),
        ...put.flatMap((one) => one.diagnostics),
      ],
    };
  });
}

/** Who holds a template's name. Without a template: its file is there, but says nothing valid about it. */
interface Owner {
  readonly template: AnalysisTemplate | null;
  readonly file: string;
  readonly line: number;
}

function ownersOf(
  files: readonly ParsedFile[],
  running: readonly Spec[],
  unread: ReadonlySet<string>,
): ReadonlyMap<string, Owner> {
  const declared = files.flatMap(({ templates = [] }) => templates);
  const errors = files
    .flatMap(({ diagnostics }) => diagnostics)
    .filter(({ severity }) => severity === 'error');
  const broken = new Set([...unread, ...errors.map(({ file }) => file)]);
  const owners = new Map<string, Owner>();
  for (const { template: last } of running) {
    if (last === undefined || owners.has(last.name)) continue;
    const now = declared.find(({ name, file }) => name === last.name && file === last.file);
    if (now !== undefined) owners.set(now.name, { template: now, file: now.file, line: now.line });
    else if (broken.has(last.file)) owners.set(last.name, { ...last, template: null });
  }
  for (const template of declared.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0))) {
    const { name, file, line } = template;
    if (!owners.has(name)) owners.set(name, { template, file, line });
  }
  for (const { template: name, file, line } of errors) {
    if (name !== undefined && !owners.has(name)) owners.set(name, { template: null, file, line });
  }
  return owners;
}

type Put = ReturnType<typeof parseUser>;

/** What came of a user with a template or a problem; a directory is put together at each change of one file. */
const known = new WeakMap<TemplateUser, { readonly by: AnalysisTemplate | string; readonly put: Put }>();

function putTogether(
  user: TemplateUser,
  owners: ReadonlyMap<string, Owner>,
  form: AnalysisTemplate | undefined,
): Put {
  const owner = owners.get(user.template);
  const template = owner?.template ?? null;
  if (template !== null) return once(user, template, () => parseUser(user, template, ''));
  if (owner !== undefined && form?.name === user.template) {
    const { spec, diagnostics } = once(user, form, () => parseUser(user, form, ''));
    return { spec, diagnostics: [...diagnostics, keptWarning(user, owner)] };
  }
  const problem =
    owner === undefined
      ? `There is no AnalysisTemplate ${user.template} in this directory.${didYouMean(user.template, owners.keys())}`
      : `The AnalysisTemplate ${user.template} cannot be used: correct ${placeOf(owner)}.`;
  return once(user, problem, () => parseUser(user, null, problem));
}

function once(user: TemplateUser, by: AnalysisTemplate | string, make: () => Put): Put {
  const last = known.get(user);
  if (last?.by === by) return last.put;
  const put = make();
  known.set(user, { by, put });
  return put;
}

function keptWarning({ name, file, line, template }: TemplateUser, owner: Owner): Diagnostic {
  const detail = `The AnalysisTemplate ${template} cannot be used as it is now; the form it had goes on. Correct ${placeOf(owner)}.`;
  const canary = name === null ? {} : { canary: name };
  return { severity: 'warning', file, line, column: 1, code: 'SPEC_TEMPLATE_KEPT', detail, ...canary };
}

function refusal({ name: template, file, line }: AnalysisTemplate, owner: Owner | undefined): Diagnostic {
  const first = owner === undefined ? 'another document' : placeOf(owner);
  const detail = `The name ${template} belongs to the AnalysisTemplate at ${first}: choose another metadata.name.`;
  return { severity: 'error', file, line, column: 1, code: 'SPEC_DUPLICATE_NAME', detail, template };
}

function placeOf({ file, line }: Owner): string {
  return `${file}:${line}`;
}
