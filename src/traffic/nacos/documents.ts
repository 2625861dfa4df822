/** Reading and writing one document on one probed server, whichever API it speaks and whatever it can guarantee. */
import { md5 } from '../../core/rule.ts';
import type { ListenersReading, PublishGuard } from '../router.ts';
import type { Dialect, LiveDocument, NewDocument } from './dialect.ts';
import { NacosError } from './errors.ts';
import type { DocumentName } from './names.ts';
import type { Server } from './servers.ts';
import { v1 } from './v1.ts';
import { v3 } from './v3.ts';

type Expected = PublishGuard['expectMd5'];

/** No stored document can have it, because Nacos takes no blank content: it makes a guarded write insert or fail. */
const MD5_OF_NOTHING = md5('');
/** Above this many bytes of form data Tomcat drops every parameter and the answer is misleading (measured). */
const FORM_LIMIT_BYTES = 2 * 1024 * 1024;

export function dialectOf(server: Server): Dialect {
  return server.facts.api === 'v3' ? v3 : v1;
}

/** The live document, null when there is none. Throws a `NacosError`, NACOS_BETA when a variant hides it from us. */
export async function readDocument(server: Server, name: DocumentName): Promise<LiveDocument | null> {
  const dialect = dialectOf(server);
  const answer = await server.exchange(dialect.readRequest(name));
  const live = dialect.document(answer, server.redact);
  if (live?.isBeta) throw new NacosError('NACOS_BETA', `${name.group}/${name.dataId}`);
  return live;
}

/** Compares what the listeners have with the live document. Throws a `NacosError`. */
export async function readListeners(server: Server, name: DocumentName): Promise<ListenersReading> {
  const dialect = dialectOf(server);
  const answer = await server.exchange(dialect.listenersRequest(name));
  const listeners = Object.values(dialect.listeners(answer, server.redact));
  const live = await readDocument(server, name);
  if (live === null) return { kind: 'unknown', detail: 'there is no document to have' };
  const liveMd5 = md5(live.content);
  const current = listeners.filter((theirs) => theirs === liveMd5).length;
  return { kind: 'addresses', current, total: listeners.length };
}

/**
 * Writes a document if it is `expected` to be there (or absent); null overwrites whatever is there. The server
 * compares where it can. Where it cannot, a read just before the write compares, and an edit in between is lost.
 * A document that was deleted meanwhile is inserted again, by every Nacos. Throws a `NacosError`.
 */
export async function publishDocument(
  server: Server,
  document: Omit<NewDocument, 'casMd5'>,
  expected: Expected,
): Promise<void> {
  const dialect = dialectOf(server);
  const isCompared = expected !== null && server.facts.compareAndSet;
  if (expected !== null && !isCompared) {
    const live = await readDocument(server, document.name);
    if (!isAsExpected(live, expected)) throw conflict(live);
  }
  const casMd5 = !isCompared ? null : expected === 'absent' ? MD5_OF_NOTHING : expected;
  const wire = dialect.publishRequest({ ...document, casMd5 });
  const formBytes = new URLSearchParams(wire.form ?? {}).toString().length;
  if (formBytes > FORM_LIMIT_BYTES) {
    const particulars = `the document has ${formBytes} bytes as a form, Nacos takes ${FORM_LIMIT_BYTES}`;
    throw new NacosError('NACOS_REJECTED', particulars);
  }
  const answer = await server.exchange(wire);
  try {
    dialect.requireWritten(answer, server.redact);
  } catch (error) {
    const isUnclear = error instanceof NacosError && error.code === 'NACOS_FAILED';
    if (!isUnclear || !isCompared || dialect.namesConflicts) throw error;
    await explainFailure(server, document, expected, error);
  }
}

/**
 * A guarded write failed without a reason: the live document tells which. It is ours: written after all. It is neither
 * ours nor the expected one: a conflict. It is as expected, absent (then nothing was compared), or cannot be read: the
 * failure stays what it is.
 */
async function explainFailure(
  server: Server,
  document: Omit<NewDocument, 'casMd5'>,
  expected: Expected,
  failure: NacosError,
): Promise<void> {
  let live: LiveDocument | null;
  try {
    live = await readDocument(server, document.name);
  } catch {
    throw failure;
  }
  if (live?.content === document.content) return;
  throw live === null || isAsExpected(live, expected) ? failure : conflict(live);
}

function isAsExpected(live: LiveDocument | null, expected: Expected): boolean {
  return expected === 'absent' ? live === null : live !== null && md5(live.content) === expected;
}

function conflict(live: LiveDocument | null): NacosError {
  return new NacosError(
    'NACOS_CONFLICT',
    live === null ? 'it does not exist' : `its md5 is ${md5(live.content)}`,
  );
}
