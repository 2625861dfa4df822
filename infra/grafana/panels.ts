/** What Grafana dashboards are made of, in the form that Grafana 10 and later read (schema version 38). */

/** How Grafana's models name a variable. */
export function variable(name: string): string {
  return `$\{${name}}`;
}

/** Chosen at the top of each dashboard, so that none knows the uid of anyone's datasource. */
export const DATASOURCE = { type: 'prometheus', uid: variable('datasource') };

const COLUMNS = 24;

type Fields = Readonly<Record<string, unknown>>;

export interface Target {
  readonly expr: string;
  /** Name of the series; labels stand as {{label}}. */
  readonly legend?: string;
  /** One value, of the end of the range. */
  readonly instant?: boolean;
  /** Rows for a table instead of series. */
  readonly isTable?: boolean;
}

/** A panel without its place. */
export interface Panel {
  readonly type: string;
  readonly title: string;
  readonly description: string;
  /** Columns of 24. */
  readonly width: number;
  readonly height: number;
  readonly targets: readonly Target[];
  readonly defaults?: Fields;
  /** What differs for the series of a name. */
  readonly overrides?: Readonly<Record<string, Fields>>;
  readonly options?: Fields;
  readonly transformations?: readonly Fields[];
  /** Variable for each of whose values the panel is shown. */
  readonly repeat?: string;
}

export interface Annotation {
  readonly name: string;
  /** A series is there, and above 0, at the moments that are marked; while it stays it is one stretch. */
  readonly expr: string;
  /** With labels as {{label}}. */
  readonly title: string;
  readonly color: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Fields[];
  readonly annotations: readonly Annotation[];
  /** Dashboard that is one click away. */
  readonly link?: { readonly title: string; readonly uid: string };
  readonly panels: readonly Panel[];
}

/** Lines over time. `custom` are options of the drawing, see Grafana's time series panel. */
export function lines(panel: Omit<Panel, 'type' | 'options'>, custom: Fields = {}): Panel {
  return {
    ...panel,
    type: 'timeseries',
    defaults: {
      ...panel.defaults,
      custom: { lineWidth: 2, showPoints: 'never', spanNulls: false, ...custom },
    },
    options: {
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

/** One number, or with `shows: 'name'` the name of the one series that is there. */
export function stat(panel: Omit<Panel, 'type' | 'options'>, shows: 'value' | 'name' = 'value'): Panel {
  return {
    ...panel,
    type: 'stat',
    targets: panel.targets.map((target) => ({ ...target, instant: true })),
    options: {
      colorMode: shows === 'name' ? 'none' : 'value',
      graphMode: 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode: shows,
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  };
}

/** States over time, each a number with a name and a color. */
export function states(panel: Omit<Panel, 'type' | 'options' | 'defaults'>, named: readonly State[]): Panel {
  return {
    ...panel,
    type: 'state-timeline',
    defaults: { custom: { fillOpacity: 70, lineWidth: 0 }, mappings: [mappingOf(named)] },
    options: {
      mergeValues: true,
      showValue: 'auto',
      alignValue: 'left',
      rowHeight: 0.9,
      legend: { displayMode: 'list', placement: 'bottom', showLegend: false, calcs: [] },
      tooltip: { mode: 'single', sort: 'none' },
    },
  };
}

export interface State {
  readonly name: string;
  readonly color: string;
}

/** The first is 1. */
function mappingOf(named: readonly State[]): Fields {
  const options = named.map(({ name, color }, index) => [index + 1, { text: name, color, index }]);
  return { type: 'value', options: Object.fromEntries(options) };
}

/**
 * One number for series of which one is 1 and the others are 0: the place of that one among `named`, counted from 1.
 * `select` gives the series of a name; `by` are the labels to keep.
 */
export function whichOf(named: readonly State[], by: string, select: (name: string) => string): string {
  const parts = named.map(({ name }, index) => `${select(name)} * ${index + 1}`);
  return `max${by === '' ? '' : ` by (${by})`} (\n  ${parts.join('\n  or ')}\n)`;
}

/** A variable whose values are those of a label. */
export function labelVariable(name: string, label: string, query: string, more: Fields = {}): Fields {
  return {
    type: 'query',
    name,
    label,
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: name },
    refresh: 2,
    sort: 1,
    multi: false,
    includeAll: false,
    hide: 0,
    ...more,
  };
}

const DATASOURCE_VARIABLE: Fields = {
  type: 'datasource',
  name: 'datasource',
  label: 'Prometheus',
  query: 'prometheus',
  refresh: 1,
  multi: false,
  includeAll: false,
  hide: 0,
};

/** The text of the dashboard's file. */
export function dashboardText(dashboard: Dashboard): string {
  const { uid, title, description, variables, annotations, link, panels } = dashboard;
  const model = {
    uid,
    title,
    description,
    tags: ['canary'],
    schemaVersion: 38,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: '',
    templating: { list: [DATASOURCE_VARIABLE, ...variables] },
    annotations: { list: annotations.map(annotationModel) },
    links: link === undefined ? [] : [linkModel(link)],
    panels: placed(panels),
  };
  return `${JSON.stringify(model, null, 2)}\n`;
}

function annotationModel({ name, expr, title, color }: Annotation): Fields {
  return {
    name,
    datasource: DATASOURCE,
    enable: true,
    hide: false,
    iconColor: color,
    expr,
    titleFormat: title,
    textFormat: '',
    tagKeys: '',
    step: '',
  };
}

function linkModel({ title, uid }: { readonly title: string; readonly uid: string }): Fields {
  return {
    type: 'link',
    title,
    url: `/d/${uid}`,
    icon: 'dashboard',
    tooltip: '',
    tags: [],
    asDropdown: false,
    includeVars: false,
    keepTime: true,
    targetBlank: false,
  };
}

/** Each panel behind the one before, in rows of 24 columns. */
function placed(panels: readonly Panel[]): readonly Fields[] {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  return panels.map((panel, index) => {
    if (x + panel.width > COLUMNS) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const gridPos = { x, y, w: panel.width, h: panel.height };
    x += panel.width;
    rowHeight = Math.max(rowHeight, panel.height);
    return { id: index + 1, gridPos, ...panelModel(panel) };
  });
}

function panelModel(panel: Panel): Fields {
  const { type, title, description, targets, defaults = {}, overrides = {}, options = {} } = panel;
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    targets: targets.map(targetModel),
    fieldConfig: {
      defaults,
      overrides: Object.entries(overrides).map(([name, fields]) => ({
        matcher: { id: 'byName', options: name },
        properties: Object.entries(fields).map(([id, value]) => ({ id, value })),
      })),
    },
    options,
    ...(panel.transformations === undefined ? {} : { transformations: panel.transformations }),
    ...(panel.repeat === undefined ? {} : { repeat: panel.repeat, repeatDirection: 'h', maxPerRow: 2 }),
  };
}

function targetModel({ expr, legend = '', instant = false, isTable = false }: Target, index: number): Fields {
  return {
    refId: String.fromCharCode('A'.charCodeAt(0) + index),
    datasource: DATASOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend === '' ? '__auto' : legend,
    instant,
    range: !instant,
    format: isTable ? 'table' : 'time_series',
  };
}
