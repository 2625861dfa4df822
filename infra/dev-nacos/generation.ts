/** What differs between the server generations that this development server can be. */

export const VERSIONS = ['2.2.3', '2.5.1', '3.1', '3.2'] as const;
export type Version = (typeof VERSIONS)[number];

/** The traits of one generation. 3.1 was measured like 3.0.3; 3.2 is modelled from its documents. */
export interface Generation {
  readonly version: Version;
  /** The version that the state endpoints tell. */
  readonly reportedVersion: string;
  readonly major: 2 | 3;
  /** False: every /v1 and /v2 path is an unknown endpoint. */
  readonly hasV1: boolean;
  /** True: the request header `casMd5` guards a publish. False: it is ignored and the write overwrites. */
  readonly comparesMd5: boolean;
  /** True: runtime reads take content from the database once the document was dumped for the first time. */
  readonly readsDatabase: boolean;
  /** True: the Content-Type of a v1 read follows the stored type. False: it is always plain text. */
  readonly typedReads: boolean;
  /** True: names pass a filter for characters and lengths before any handler sees them. */
  readonly filtersNames: boolean;
  /** True: history rows know about gray variants and carry `publishType`, `grayName` and `extInfo`. */
  readonly recordsVariants: boolean;
}

const GENERATIONS: Readonly<Record<Version, Generation>> = {
  '2.2.3': {
    version: '2.2.3',
    reportedVersion: '2.2.3',
    major: 2,
    hasV1: true,
    comparesMd5: false,
    readsDatabase: true,
    typedReads: true,
    filtersNames: false,
    recordsVariants: false,
  },
  '2.5.1': {
    version: '2.5.1',
    reportedVersion: '2.5.1',
    major: 2,
    hasV1: true,
    comparesMd5: true,
    readsDatabase: false,
    typedReads: false,
    filtersNames: true,
    recordsVariants: true,
  },
  '3.1': {
    version: '3.1',
    reportedVersion: '3.1.0',
    major: 3,
    hasV1: true,
    comparesMd5: true,
    readsDatabase: false,
    typedReads: false,
    filtersNames: true,
    recordsVariants: true,
  },
  '3.2': {
    version: '3.2',
    reportedVersion: '3.2.4',
    major: 3,
    hasV1: false,
    comparesMd5: true,
    readsDatabase: false,
    typedReads: false,
    filtersNames: true,
    recordsVariants: true,
  },
};

export function generationOf(version: Version): Generation {
  return GENERATIONS[version];
}

/** The name under which a generation stores the public namespace. */
export function publicTenant(generation: Generation): string {
  return generation.major === 2 ? '' : 'public';
}

/** Any spelling of the public namespace to the stored one; every other namespace stays as it is. */
export function storedTenant(generation: Generation, namespace: string): string {
  return namespace === '' || namespace === 'public' ? publicTenant(generation) : namespace;
}

/**
 * The namespace that a v1 call really works on. The 2.x servers disagree with themselves about the word `public`:
 * 2.2.3 maps it to the public namespace on reads only, 2.5.1 on publishes only; elsewhere it is taken literally.
 */
export function v1Tenant(generation: Generation, use: 'read' | 'publish' | 'other', tenant: string): string {
  if (generation.major === 3) return storedTenant(generation, tenant);
  if (generation.version === '2.2.3') {
    return use === 'read' && (tenant === 'public' || tenant === 'null') ? '' : tenant;
  }
  return use === 'publish' && tenant === 'public' ? '' : tenant;
}
