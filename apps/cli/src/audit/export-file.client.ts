import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { ExportCheck, type ExportVerdict, type SealKey } from '@hub/database';
import { CommandRefused } from '../command';
import { reasonOf } from '../database.client';

const FILE_MODE = 0o600;
/** Lines are written together until they come to so much. */
const BATCH_CHARACTERS = 1_048_576;

/**
 * Writes lines into a new file. It has its name once all of it is on the disk and `beforeNamed` is done; where anything of
 * that fails there is none.
 *
 * @throws CommandRefused if the file is there already or cannot be written
 */
export async function writeLines(
  file: string,
  lines: AsyncIterable<string>,
  beforeNamed: () => Promise<void>,
): Promise<void> {
  if (await isThere(file)) throw new CommandRefused(`The file cannot be made: ${file} is there already.`);
  const draft = `${file}.part`;
  const handle = await open(draft, 'wx', FILE_MODE).catch((error: unknown) => {
    throw new CommandRefused(`The file cannot be made: ${reasonOf(error)}`);
  });
  try {
    await write(handle, lines);
    await beforeNamed();
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

async function write(handle: FileHandle, lines: AsyncIterable<string>): Promise<void> {
  try {
    let batch = '';
    for await (const line of lines) {
      batch += `${line}\n`;
      if (batch.length < BATCH_CHARACTERS) continue;
      await handle.appendFile(batch);
      batch = '';
    }
    await handle.appendFile(batch);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Reads an export. @throws CommandRefused if it cannot be read */
export async function readExport(file: string, keys: readonly SealKey[]): Promise<ExportVerdict> {
  const check = new ExportCheck();
  try {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) check.take(line);
  } catch (error) {
    throw new CommandRefused(`The file cannot be read: ${reasonOf(error)}`);
  }
  return check.close(keys);
}
