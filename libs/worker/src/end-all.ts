/**
 * Comes back once every part has ended, also where one of them fails to: the others may have something to save.
 *
 * @param parts their ends, all begun
 * @param tell  hears of each failure once all of them are over
 */
export async function endAll(parts: readonly Promise<unknown>[], tell: (error: unknown) => void): Promise<void> {
  const ends = await Promise.allSettled(parts);
  for (const end of ends) if (end.status === 'rejected') tell(end.reason);
}
