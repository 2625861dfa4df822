/** The files that settings name and that may change while the daemon runs: tokens, webhook secret, certificate. */
import { type Certificate, expiryOf, parseCertificate } from './access/certificate.ts';
import { createLiveFile, type FileText, type LiveFile } from './access/live-file.ts';
import { parseSharedSecret } from './access/shared-secret.ts';
import { createTokenBook, parseTokens, type TokenBook } from './access/tokens.ts';
import type { Config } from './config.ts';
import type { Clock } from './lib/clock.ts';
import { ok, type Result } from './lib/result.ts';
import type { WebhookOptions } from './server/deps.ts';
import type { Diagnostic } from './spec/diagnostic.ts';
import type { AccessSeries, SettingsFile } from './telemetry/access-series.ts';
import type { Log } from './telemetry/log.ts';

export interface LiveSettings {
  readonly tokens: (() => TokenBook) | null;
  readonly webhooks: WebhookOptions;
  readonly certificate: Certificate | null;
  /** Looks at every file now, and from then on with every tick, and every five seconds where ticks are longer. */
  start(): void;
  /** Looks at every file now. Never rejects. */
  look(): Promise<void>;
  /** One for each file that cannot be used as it is. */
  diagnostics(): readonly Diagnostic[];
  stop(): void;
}

export interface LiveSettingsParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<AccessSeries, 'settingsFile' | 'certificateExpires'>;
  readonly onCertificate: (certificate: Certificate) => void;
}

/** A token that was taken away may be good for so long at most, whatever the tick. */
const LOOK_MS = 5_000;

type Sources = Pick<Config, 'tokens' | 'tls' | 'webhooks' | 'tickMs'>;

/** Throws an Error when a file of the start cannot be used: the settings were checked before. */
export function createLiveSettings(sources: Sources, parts: LiveSettingsParts): LiveSettings {
  const { clock, metrics, onCertificate } = parts;
  const files: LiveFile<unknown>[] = [];
  let cancel: () => void = () => {};
  let isStopped = false;

  function follow<T>(
    what: SettingsFile,
    given: readonly FileText[] | null,
    parse: (texts: readonly string[]) => Result<T, string>,
    onChange: (value: T) => void = () => {},
  ): LiveFile<T> | null {
    const file = given === null ? null : followFile(what, given, parse, onChange, parts);
    if (file !== null) files.push(file);
    return file;
  }

  const { tokens, tls, webhooks } = sources;
  const book = follow('tokens', tokens && [tokens], ([text = '']) => {
    const parsed = parseTokens(text);
    return parsed.ok ? ok(createTokenBook(parsed.value)) : parsed;
  });
  const secret = follow('webhook secret', webhooks.secret && [webhooks.secret], ([text = '']) =>
    parseSharedSecret(text),
  );
  const certificate = follow('certificate', tls && [tls.cert, tls.key], parseCertificate, (changed) => {
    metrics.certificateExpires(expiryOf(changed));
    onCertificate(changed);
  });
  if (certificate !== null) metrics.certificateExpires(expiryOf(certificate.current()));

  async function look(): Promise<void> {
    await Promise.all(files.map((file) => file.look()));
  }
  async function lookAgain(): Promise<void> {
    await look();
    if (isStopped) return;
    cancel = clock.after(Math.min(sources.tickMs, LOOK_MS), lookAgain);
  }
  return {
    tokens: book === null ? null : book.current,
    webhooks: {
      get secret() {
        return secret?.current() ?? null;
      },
      labels: webhooks.labels,
    },
    certificate: certificate?.current() ?? null,
    start: () => void lookAgain(),
    look,
    diagnostics: () => files.flatMap(diagnosticsOf),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

function followFile<T>(
  what: SettingsFile,
  files: readonly FileText[],
  parse: (texts: readonly string[]) => Result<T, string>,
  onChange: (value: T) => void,
  { log, metrics }: Pick<LiveSettingsParts, 'log' | 'metrics'>,
): LiveFile<T> {
  metrics.settingsFile(what, true);
  return createLiveFile({
    files,
    parse,
    onChange(value) {
      log.info({ what, files: files.map(({ path }) => path) }, 'a settings file changed and is in force');
      onChange(value);
    },
    onTrouble(trouble) {
      metrics.settingsFile(what, trouble === null);
      if (trouble === null) log.info({ what }, 'the settings file can be used again');
      else
        log.error({ what, trouble }, 'a settings file cannot be used; its last good content stays in force');
    },
  });
}

function diagnosticsOf({ path, trouble }: LiveFile<unknown>): Diagnostic[] {
  const found = trouble();
  if (found === null) return [];
  const detail = `${found}; its last good content stays in force`;
  return [{ severity: 'error', file: path, line: 1, column: 1, code: 'SETTINGS_FILE', detail }];
}
