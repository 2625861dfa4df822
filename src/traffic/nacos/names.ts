/** How a document is named in Nacos. */
import type { NacosTarget } from '../../spec/canary.ts';
import { NacosError } from './errors.ts';

/** Namespace id, group and dataId; the public namespace is the empty string. */
export type DocumentName = Omit<NacosTarget, 'kind'>;

export function keyOf({ namespace, group, dataId }: DocumentName): string {
  return [namespace, group, dataId].join('\n');
}

const NAME = /^[A-Za-z0-9_.:-]+$/;
const NAMESPACE = /^[\w-]*$/;

/** Throws NACOS_REJECTED for a name that Nacos 2.3 and later do not take; 2.2.3 would take it and the SDK would not. */
export function requireValidName({ namespace, group, dataId }: DocumentName): void {
  if (!NAME.test(dataId) || dataId.length > 256) {
    throw rejected(`dataId "${dataId}" must be 1 to 256 letters, digits, "_", "-", "." or ":"`);
  }
  if (!NAME.test(group) || group.length > 128) {
    throw rejected(`group "${group}" must be 1 to 128 letters, digits, "_", "-", "." or ":"`);
  }
  if (!NAMESPACE.test(namespace) || namespace.length > 64) {
    throw rejected(`namespace "${namespace}" must be an id of at most 64 letters, digits, "_" or "-"`);
  }
}

function rejected(particulars: string): NacosError {
  return new NacosError('NACOS_REJECTED', particulars);
}
