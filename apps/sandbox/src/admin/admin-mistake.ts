/** A mistake in an admin request: what is answered, and with which status. */
export class AdminMistake extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}
