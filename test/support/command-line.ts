import { runCommandLine } from '../../apps/cli/src/command-line';
import { Terminal } from '../../apps/cli/src/terminal';

/** What a command of the operators' command line answered. */
export interface Answered {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs `hub …` in this process. */
export async function hub(args: readonly string[], environment: Record<string, string>): Promise<Answered> {
  const text = { out: '', err: '' };
  const terminal = new Terminal({ write: (more) => (text.out += more) }, { write: (more) => (text.err += more) });
  const exitCode = await runCommandLine(args, { environment, terminal });
  return { exitCode, ...text };
}
