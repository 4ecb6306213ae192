import { createInterface } from 'node:readline/promises';
import { CommandRefused } from './command';

/**
 * Asks before what cannot be undone.
 *
 * @param warning what will be, and what to type
 * @param word    what the operator types
 * @throws CommandRefused if he types something else, or nobody can be asked here
 */
export async function confirm(warning: string, word: string): Promise<void> {
  if (!process.stdin.isTTY) throw new CommandRefused('Nobody can be asked here: say --yes.');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await prompt.question(warning);
    if (typed.trim() !== word) throw new CommandRefused('That is not it: nothing was done.');
  } finally {
    prompt.close();
  }
}
