import { readFileSync } from 'node:fs';
import { SETTINGS, type Setting, type SettingName } from './settings';

export type Environment = Readonly<Record<string, string | undefined>>;

/** So many in so long. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** Collects every mistake before anyone stops, so that an operator mends all of them at once. */
export class Mistakes {
  private readonly sentences = new Set<string>();

  add(sentence: string): void {
    this.sentences.add(sentence);
  }

  get any(): boolean {
    return this.sentences.size > 0;
  }

  /** @throws ConfigError that lists all mistakes, if there are any */
  throwIfAny(): void {
    if (this.sentences.size > 0) throw new ConfigError([...this.sentences]);
  }
}

/** The settings cannot be used. Its message lists every mistake, and no value of a secret. */
export class ConfigError extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(
      `The settings have ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}:\n${mistakes.map((mistake) => `  - ${mistake}`).join('\n')}`,
    );
    this.name = 'ConfigError';
  }
}

/** Reads settings by name: the value, else the content of the file that `NAME_FILE` names, else the default. */
export class SettingReader {
  constructor(
    private readonly environment: Environment,
    readonly mistakes: Mistakes,
  ) {}

  /** The setting as text, its documented default if it is not set; `undefined` where there is neither. */
  text(name: SettingName): string | undefined {
    const setting: Setting | undefined = SETTINGS.find((candidate) => candidate.name === name);
    return this.raw(name) ?? setting?.default ?? undefined;
  }

  /** Any variable of the environment or its `_FILE`, without a default. Empty counts as not set. */
  raw(name: string): string | undefined {
    const direct = this.direct(name);
    if (direct !== undefined) return direct;
    const file = this.direct(`${name}_FILE`);
    if (!file) return undefined;
    try {
      return readFileSync(file, 'utf8').trim() || undefined;
    } catch (error) {
      this.mistakes.add(
        `${name}_FILE: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`,
      );
      return undefined;
    }
  }

  /** A variable of the environment as it stands there, without its `_FILE`. Empty counts as not set. */
  direct(name: string): string | undefined {
    return this.environment[name]?.trim() || undefined;
  }

  /** A setting that must be there. */
  required(name: SettingName, hint: string): string {
    const value = this.text(name);
    if (value === undefined) this.mistakes.add(`${name} is missing: ${hint}`);
    return value ?? '';
  }

  /** A port; 0 if it is wrong. */
  port(name: SettingName): number {
    const value = this.text(name) ?? '';
    const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
    if (port >= 1 && port <= 65_535) return port;
    this.mistakes.add(`${name} must be a port from 1 to 65535`);
    return 0;
  }

  flag(name: SettingName): boolean {
    const value = (this.text(name) ?? 'false').toLowerCase();
    if (!['true', 'false', '1', '0'].includes(value)) this.mistakes.add(`${name} must be true or false`);
    return value === 'true' || value === '1';
  }

  oneOf<const T extends string>(name: SettingName, choices: readonly T[]): T {
    const value = this.text(name) ?? '';
    const choice = choices.find((candidate) => candidate === value);
    if (choice === undefined) this.mistakes.add(`${name} must be one of ${choices.join(', ')}`);
    return choice ?? (choices[0] as T);
  }

  list(name: SettingName): string[] {
    return splitList(this.text(name));
  }

  /** A duration such as `30s`, `10m` or `1h`, in milliseconds. */
  durationMs(name: SettingName): number {
    const duration = parseDurationMs(this.text(name) ?? '');
    if (duration === undefined) this.mistakes.add(`${name} must be a duration such as 30s, 10m or 1h`);
    return duration ?? 0;
  }

  /** The same, or `off`, which is 0. */
  durationOrOffMs(name: SettingName): number {
    return this.text(name) === 'off' ? 0 : this.durationMs(name);
  }

  /** A rate such as `20/1m`, or `off`, which is `null`. Its window is whole seconds. */
  rateOrOff(name: SettingName): Rate | null {
    const text = this.text(name) ?? '';
    if (text === 'off') return null;
    const [, count = '', window = ''] = /^([1-9]\d{0,8})\/(.+)$/.exec(text) ?? [];
    const windowMs = parseDurationMs(window) ?? 0;
    if (count === '' || windowMs < 1_000 || windowMs % 1_000 !== 0) {
      this.mistakes.add(`${name} must be a rate such as 20/1m (so many in whole seconds, minutes or hours), or off`);
      return null;
    }
    return { count: Number(count), windowMs };
  }

  /** A number of things, or `off`, which is `null`. */
  countOrOff(name: SettingName): number | null {
    const text = this.text(name) ?? '';
    if (text === 'off') return null;
    if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
    this.mistakes.add(`${name} must be a whole number from 1 on, or off`);
    return null;
  }

  /** The certificates in a setting's file, as PEM; `null` without one, and where it is wrong. */
  certificates(name: SettingName): string | null {
    const file = this.text(name);
    if (file === undefined) return null;
    try {
      const pem = readFileSync(file, 'utf8');
      if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
      this.mistakes.add(`${name}: the file holds no certificate in PEM`);
    } catch (error) {
      const { code = 'unknown reason' } = error as NodeJS.ErrnoException;
      this.mistakes.add(`${name}: the file cannot be read (${code})`);
    }
    return null;
  }

  /** An absolute URL of one of these protocols (`https:`), without user and fragment, no slash at the end; `''` if it is wrong. */
  webUrl(name: string, value: string | undefined, protocols: readonly string[]): string {
    if (value === undefined) return '';
    const url = parseUrl(value);
    if (!url || !protocols.includes(url.protocol) || url.username !== '' || url.hash !== '' || url.search !== '') {
      this.mistakes.add(
        `${name} must be an absolute ${protocols.map((protocol) => protocol.slice(0, -1)).join(' or ')} URL without user, query and fragment`,
      );
      return '';
    }
    return url.href.replace(/\/+$/, '');
  }

  /** A connection string of one of these protocols; its value, which may hold a password, is never echoed. */
  connectionUrl(name: SettingName, protocols: readonly string[], hint: string): string {
    const value = this.required(name, hint);
    const url = value === '' ? undefined : parseUrl(value);
    if (value !== '' && !(url && protocols.includes(url.protocol)))
      this.mistakes.add(
        `${name} must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
      );
    return value;
  }
}

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration such as `30s`, `10m` or `1h` in milliseconds; `undefined` if the text is none or no time at all. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const duration = Math.round(Number(match?.[1]) * UNITS_MS[match?.[2] as keyof typeof UNITS_MS]);
  return duration > 0 ? duration : undefined;
}

export function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

export function splitList(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
