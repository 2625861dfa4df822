/** Every code that the diagnostics of spec files and their directory can carry. Codes are stable: programs and suppressions depend on them. */

export const SPEC_CODES = {
  SPEC_TOO_LARGE: 'The file is larger than 1 MiB.',
  SPEC_EMPTY: 'The file holds no document.',
  SPEC_YAML: 'The text is not well-formed YAML.',
  SPEC_TAB: 'A tab stands where YAML wants spaces.',
  SPEC_DUPLICATE_KEY: 'A mapping has the same key twice.',
  SPEC_ALIAS: 'An alias has no anchor, or aliases expand to too much.',
  SPEC_TOO_MANY: 'More is wrong with the document than is shown.',
  SPEC_NOT_CANARY: 'The document is neither a Canary nor an AnalysisTemplate of canary/v1.',

  SPEC_UNKNOWN_FIELD: 'The document has no such field.',
  SPEC_REQUIRED: 'A required field is missing.',
  SPEC_TYPE: 'A value is of the wrong type.',
  SPEC_VALUE: 'A value is none of those allowed.',
  SPEC_RANGE: 'A number, text or list is too small or too large.',
  SPEC_FORMAT: 'A text is not of the form it must have.',
  SPEC_DURATION: 'A text is no duration.',

  SPEC_STEP_ORDER: 'The steps do not ascend.',
  SPEC_LAST_STEP: 'The last step does not reach 100 %.',
  SPEC_LAST_APPROVAL: 'The last step asks for approval, but no step follows.',
  SPEC_NO_READY: 'Nothing waits for the canary to be up (warning).',
  SPEC_SHORT_BAKE: 'A step will last longer than its bake, because its evidence takes longer (warning).',

  SPEC_TARGET: 'Two routers are named.',
  SPEC_PATH: 'The path leads out of the directory or to a spec file.',
  SPEC_SERVICE: 'The service cannot stand in a Nacos dataId.',

  SPEC_TEMPLATE: 'There is no valid AnalysisTemplate of that name.',
  SPEC_TEMPLATE_KEPT: 'The AnalysisTemplate is broken; its last valid form goes on (warning).',

  SPEC_NO_METRICS: 'Nothing judges the canary.',
  SPEC_SKIP_WITH_METRICS: 'Metrics are declared, and so is that there are none.',
  SPEC_DUPLICATE_METRIC: 'Two metrics have the same name.',
  SPEC_METRIC_SOURCE:
    'A metric has not exactly one of ratio, latency, query and external, or has no use for a field.',
  SPEC_NO_BOUND: 'A metric has no bound.',
  SPEC_BOUND: 'A bound can never hold, or never fail.',
  SPEC_FOR_AND_LIMIT: 'A metric has both `for` and `failureLimit`.',
  SPEC_MIN_REQUESTS: 'minRequests is set where no requests are counted.',
  SPEC_WINDOW: 'A window is longer than a step can last.',
  SPEC_LOOSE_MARGIN: 'The margin is wider than what pages people (warning).',
  SPEC_BUDGET: 'No metric has an error budget that could be asked about.',
  SPEC_UNBUDGETED: 'A metric with an objective spends nothing of the rollout budget (warning).',
  SPEC_JUDGE: 'The judge has no use for a field, or lacks one.',
  SPEC_NEVER_COMPARED: 'No step lets canary and stable serve side by side (warning).',

  SPEC_PROMQL: 'A query is not PromQL.',
  SPEC_SELECTOR: 'A selector cannot be used.',
  SPEC_RATIO: 'The two selectors of a ratio do not belong together.',
  SPEC_VERSION_MATCHER: 'A selector names the version label, which the controller adds.',
  SPEC_PLACEHOLDER: 'A placeholder is unknown, not closed, or in the wrong place.',
  SPEC_ARMS_ALIKE: 'A comparing bound compares a number with itself.',
  SPEC_FILLED_QUERY: 'A query turns missing data into a value (warning).',
  SPEC_BLIND_QUERY: 'A query does not tell the revisions apart (warning).',

  SPEC_DIRECTORY: 'The directory cannot be read, or too much vanished from it at once.',
  SPEC_UNREADABLE: 'The file cannot be read.',
  SPEC_DUPLICATE_NAME: 'Two documents of the directory have the same name.',
  SPEC_DUPLICATE_TARGET: 'Two documents of the directory write the same traffic document.',
} as const;

export type SpecCode = keyof typeof SPEC_CODES;
