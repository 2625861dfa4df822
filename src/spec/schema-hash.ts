/** Names the meaning of a stored parse: another schema or parser makes another hash, and stored parses void. */
import { sha256 } from './canonical.ts';
import { canarySchemaText } from './json-schema.ts';

/** Goes up whenever lint, defaults or sentences change without the JSON Schema changing. */
const PARSER_VERSION = 2;

export const SCHEMA_HASH: string = sha256(`${PARSER_VERSION}\n${canarySchemaText()}`);
