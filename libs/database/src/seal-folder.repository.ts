import { createReadStream } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { readSeal, stamp, type SealDraft, type SealKey, type StampedSeal } from './audit-seal';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const NAME = /^seals-\d{4}-\d{2}-\d{2}\.log$/;
const CHUNK_BYTES = 65_536;

/** The latest seal of a folder, and the file that it stands in. */
export interface LatestSeal extends StampedSeal {
  readonly file: string;
}

/** Seals as lines of files, one file for each day, outside the database. */
export class SealFolderRepository {
  constructor(
    private readonly folder: string,
    private readonly keys: readonly SealKey[],
  ) {}

  /** All lines in their order. One that a crash has cut never was a seal. */
  async *lines(): AsyncGenerator<string> {
    for (const file of await this.files()) {
      const end = await endOfLines(path.join(this.folder, file));
      if (end === 0) continue;
      const stream = createReadStream(path.join(this.folder, file), { end: end - 1 });
      for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) yield line;
    }
  }

  /**
   * The latest seal; `undefined` if there is none yet.
   *
   * @throws Error if the last line is none that our keys have sealed: whoever goes on behind it would hide that
   */
  async latest(): Promise<LatestSeal | undefined> {
    for (const file of (await this.files()).reverse()) {
      const line = await lastLine(path.join(this.folder, file));
      if (line === undefined) continue;
      const read = readSeal(line, this.keys);
      if ('trouble' in read) throw new Error(`the last seal of ${file} ${read.trouble}`);
      return { ...read, file };
    }
    return undefined;
  }

  /** The file of that day. */
  fileOf(at: Date): string {
    return `seals-${at.toISOString().slice(0, 10)}.log`;
  }

  /** Puts a seal behind `before`, on the disk when this comes back. */
  async append(draft: SealDraft, before: LatestSeal | undefined, at: Date): Promise<LatestSeal> {
    const [key] = this.keys;
    if (!key) throw new Error('there is no key to seal with');
    await mkdir(this.folder, { recursive: true, mode: FOLDER_MODE });
    const [line, stamped] = stamp(draft, before, key, at);
    // a clock that was set back must not put a seal into a file before its predecessor's
    const file = before && before.file > this.fileOf(at) ? before.file : this.fileOf(at);
    const target = path.join(this.folder, file);
    const handle = await open(target, 'a', FILE_MODE);
    try {
      await handle.truncate(await endOfLines(target));
      await handle.appendFile(`${line}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return { ...stamped, file };
  }

  private async files(): Promise<string[]> {
    const names = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => NAME.test(name)).sort();
  }
}

/** Where the last whole line of a file ends. */
async function endOfLines(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    let end = (await handle.stat()).size;
    while (end > 0) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
      const newline = buffer.subarray(0, bytesRead).lastIndexOf('\n');
      if (newline >= 0) return start + newline + 1;
      end = start;
    }
    return 0;
  } finally {
    await handle.close();
  }
}

/** The last whole line; `undefined` if there is none. */
async function lastLine(file: string): Promise<string | undefined> {
  const end = await endOfLines(file);
  if (end === 0) return undefined;
  const handle = await open(file, 'r');
  try {
    let text = Buffer.alloc(0);
    for (let start = end - 1; start > 0;) {
      const from = Math.max(0, start - CHUNK_BYTES);
      const { buffer } = await handle.read(Buffer.alloc(start - from), 0, start - from, from);
      text = Buffer.concat([buffer, text]);
      const newline = text.lastIndexOf('\n');
      if (newline >= 0) return text.subarray(newline + 1).toString('utf8');
      start = from;
    }
    return text.toString('utf8');
  } finally {
    await handle.close();
  }
}
