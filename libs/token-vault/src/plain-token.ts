import { inspect } from 'node:util';

/** A secret in the clear. However it is printed, logged or serialised, it shows `[sealed]`; only `reveal` gives it away. */
export class PlainToken {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call it where the secret is used, never to keep it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[sealed]';
  }

  toJSON(): string {
    return '[sealed]';
  }

  [Symbol.toPrimitive](): string {
    return '[sealed]';
  }

  [inspect.custom](): string {
    return '[sealed]';
  }
}
