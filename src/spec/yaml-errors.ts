/** Sentences for the mistakes that the YAML parser reports. */
import type { YAMLError } from 'yaml';
import type { SpecCode } from './codes.ts';

/** Code and sentence of a parser's error; `text` is the whole file. */
export function describeYamlError(
  error: YAMLError,
  text: string,
): { readonly code: SpecCode; readonly detail: string } {
  const [from, to] = error.pos;
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return { code: 'SPEC_TAB', detail: 'YAML is indented by spaces, but here is a tab: replace it.' };
    case 'DUPLICATE_KEY':
      return {
        code: 'SPEC_DUPLICATE_KEY',
        detail: duplicateKey(text.slice(from), isAtLineStart(text, from)),
      };
    case 'NON_STRING_KEY':
      return {
        code: 'SPEC_YAML',
        detail: 'A key must be text; put values that begin with { or [ in quotes.',
      };
    case 'BAD_SCALAR_START':
      return {
        code: 'SPEC_YAML',
        detail: `A value that begins with ${text.slice(from, to)} must be put in quotes.`,
      };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { code: 'SPEC_YAML', detail: 'A value with ": " in it must be put in quotes.' };
    case 'TAG_RESOLVE_FAILED':
      return {
        code: 'SPEC_YAML',
        detail: `The tag ${text.slice(from, to)} is unknown: remove it, or put the value in quotes.`,
      };
    case 'RESOURCE_EXHAUSTION':
      return { code: 'SPEC_YAML', detail: 'The document is nested too deeply.' };
    default:
      return { code: 'SPEC_YAML', detail: `This is not YAML: ${lowerFirst(error.message)}.` };
  }
}

function duplicateKey(rest: string, isTopLevel: boolean): string {
  const key = /^["']?([^\s:"']*)/.exec(rest)?.[1] ?? '';
  const hint = isTopLevel ? ' Several Canaries in one file are separated by a line with ---.' : '';
  return `${key} is there twice: keep one.${hint}`;
}

function isAtLineStart(text: string, offset: number): boolean {
  return offset === 0 || text[offset - 1] === '\n';
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, '');
}
