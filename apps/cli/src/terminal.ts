/** Where a command writes: what was asked for, and apart from it what went wrong, so that the first can be piped on. */
export class Terminal {
  constructor(
    private readonly output: { write(text: string): unknown },
    private readonly complaints: { write(text: string): unknown },
  ) {}

  /** A line of the answer. */
  print(line: string): void {
    this.output.write(`${line}\n`);
  }

  /** A line about what went wrong, or about what is going on. */
  complain(line: string): void {
    this.complaints.write(`${line}\n`);
  }
}
