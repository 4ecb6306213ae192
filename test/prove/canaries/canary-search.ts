/** So much of a secret is a leak, wherever it was cut: 12 bytes of it, in whatever spelling. */
export const WINDOW_BYTES = 12;

/** One way in which a secret may be written down. */
export interface Spelling {
  readonly how: string;
  readonly text: string;
  /** How many characters of the spelling hold {@link WINDOW_BYTES} of the secret. */
  readonly window: number;
}

/** Where a secret was found, and how it was written there; never the secret itself. */
export interface Hit {
  readonly what: string;
  readonly how: string;
  readonly offset: number;
}

interface Window {
  readonly what: string;
  readonly how: string;
  readonly text: Buffer;
}

/**
 * Every spelling that is looked for. Halves that were put the other way round need none of their own: each half is long
 * enough to hold a window.
 */
export function spellingsOf(secret: string): Spelling[] {
  const bytes = Buffer.from(secret);
  const plain = (how: string, text: string): Spelling => ({ how, text, window: WINDOW_BYTES });
  const spellings = [
    plain('raw', secret),
    plain('reversed', [...secret].reverse().join('')),
    plain('URL-encoded', encodeURIComponent(secret)),
    plain('URL-encoded twice', encodeURIComponent(encodeURIComponent(secret))),
    plain('JSON-escaped', JSON.stringify(secret).slice(1, -1)),
    plain('JSON-escaped', JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')),
    plain('HTML-escaped', htmlEscaped(secret)),
    { how: 'percent-encoded', text: bytes.toString('hex').replace(/../g, '%$&'), window: WINDOW_BYTES * 3 },
    { how: 'hex', text: bytes.toString('hex'), window: WINDOW_BYTES * 2 },
    ...[0, 1, 2].flatMap((shift) => base64Of(bytes, shift)),
  ];
  const seen = new Set<string>();
  return spellings.filter(({ text }) => !seen.has(text) && seen.add(text));
}

/** Base64 of a secret that begins in the middle of what was encoded: without the characters that hold a neighbour's bits. */
function base64Of(bytes: Buffer, shift: number): Spelling[] {
  const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
  const text = whole
    .toString('base64')
    .slice(Math.ceil((shift * 8) / 6), Math.floor((whole.length * 8) / 6))
    .replace(/=+$/, '');
  const window = (WINDOW_BYTES / 3) * 4;
  return [
    { how: 'base64', text, window },
    { how: 'base64url', text: text.replaceAll('+', '-').replaceAll('/', '_'), window },
  ];
}

function htmlEscaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const BASE = 0x01000193;
const BITS = 24;

/** Looks for many secrets at once, whatever their case, in one pass: a rolling hash over 12 bytes, then the bytes themselves. */
export class CanarySearch {
  private readonly windows = new Map<number, Window[]>();
  private readonly filter = new Uint8Array(2 ** (BITS - 3));
  /** How many windows there are. */
  readonly size: number = 0;

  /** @param secrets what each of them is called, by the secret. @throws Error for one that is too short to be searched for */
  constructor(secrets: ReadonlyMap<string, string>) {
    for (const [secret, what] of secrets) {
      if (Buffer.byteLength(secret) < WINDOW_BYTES) throw new Error(`${what} is too short to be searched for`);
      for (const { how, text, window } of spellingsOf(secret)) {
        const folded = fold(Buffer.from(text));
        for (let start = 0; start + window <= folded.length; start += 1) {
          this.add({ what, how, text: folded.subarray(start, start + window) });
          this.size += 1;
        }
      }
    }
  }

  /** Every secret in these bytes, each spelling of it once. */
  in(bytes: Buffer): Hit[] {
    const text = fold(bytes);
    const hits = new Map<string, Hit>();
    let hash = 0;
    for (let end = 0; end < text.length; end += 1) {
      hash = (Math.imul(hash, BASE) + (text[end] ?? 0)) | 0;
      if (end >= WINDOW_BYTES) hash = (hash - Math.imul(text[end - WINDOW_BYTES] ?? 0, OUTGOING)) | 0;
      if (end < WINDOW_BYTES - 1 || !this.mayHold(hash)) continue;
      const offset = end - WINDOW_BYTES + 1;
      for (const { what, how, text: window } of this.windows.get(hash) ?? [])
        if (!hits.has(`${what} ${how}`) && text.subarray(offset, offset + window.length).equals(window))
          hits.set(`${what} ${how}`, { what, how, offset });
    }
    return [...hits.values()];
  }

  private add(window: Window): void {
    const hash = hashOf(window.text.subarray(0, WINDOW_BYTES));
    const slot = hash >>> (32 - BITS);
    this.filter[slot >>> 3] = (this.filter[slot >>> 3] ?? 0) | (1 << (slot & 7));
    const known = this.windows.get(hash);
    if (known) known.push(window);
    else this.windows.set(hash, [window]);
  }

  private mayHold(hash: number): boolean {
    const slot = hash >>> (32 - BITS);
    return ((this.filter[slot >>> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }
}

/** What a byte has become in the hash when it leaves the window. */
const OUTGOING = Array.from({ length: WINDOW_BYTES }).reduce<number>((power) => Math.imul(power, BASE), 1);

function hashOf(bytes: Buffer): number {
  return bytes.reduce((hash, byte) => (Math.imul(hash, BASE) + byte) | 0, 0);
}

/** Capital letters as small ones: hex comes in both, and what else does is as much of a leak. */
function fold(bytes: Buffer): Buffer {
  const folded = Buffer.from(bytes);
  for (let place = 0; place < folded.length; place += 1) {
    const byte = folded[place] ?? 0;
    if (byte >= 0x41 && byte <= 0x5a) folded[place] = byte | 0x20;
  }
  return folded;
}
