import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { ExportCheck, type ExportVerdict, type SealKey } from '@hub/database';
import { CommandRefused } from '../command';
import { reasonOf } from '../database.client';

const FILE_MODE = 0o600;
/** Lines are written together until they come to so much. */
const BATCH_CHARACTERS = 1_048_576;

/**
 * Writes lines into a new file, on the disk when this comes back.
 *
 * @throws CommandRefused if the file is there already or cannot be written
 */
export async function writeLines(file: string, lines: AsyncIterable<string>): Promise<void> {
  const handle = await open(file, 'wx', FILE_MODE).catch((error: unknown) => {
    throw new CommandRefused(`The file cannot be made: ${reasonOf(error)}`);
  });
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
