/**
 * The promise's outcome, if it comes in time. What comes later is dropped, so the work behind it must be safe to repeat.
 *
 * @throws Error with `tooLate` as its message
 */
export async function within<T>(ms: number, promise: Promise<T>, tooLate: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(tooLate)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
