import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';

/** The floor as a process of its own. */
export class FloorProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly base: string,
  ) {}

  /** @param settings what floor.ts needs to know */
  static async start(settings: object): Promise<FloorProcess> {
    const child = fork(path.join(__dirname, 'floor.js'), {
      env: { PATH: process.env['PATH'], FLOOR: JSON.stringify(settings) },
    });
    const port = await new Promise<number>((resolve, reject) => {
      child.once('message', (message) => resolve((message as { port: number }).port));
      child.once('exit', (code) => reject(new Error(`the floor ended with ${code}`)));
    });
    return new FloorProcess(child, `http://127.0.0.1:${port}`);
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.disconnect();
    await gone;
  }
}
