/** Which Node.js this program runs on. Loads under any of them: it is asked before everything else. */

/**
 * Whether `version` ("24.11.0") satisfies `engines` in package.json: ^22.22.0 || ^24.11.0 || >=26. On others a native
 * part may end the process without a word.
 */
export function supportsNode(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major >= 26) return true;
  return (major === 22 && minor >= 22) || (major === 24 && minor >= 11);
}
