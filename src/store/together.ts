/**
 * What several questions that need nothing of each other find, all of them on their way before the first is answered.
 * Resolves and rejects when each has ended: an operation must not go on asking after its transaction is over.
 */
export async function together<const Asked extends readonly unknown[]>(
  asked: Asked,
): Promise<{ -readonly [K in keyof Asked]: Awaited<Asked[K]> }> {
  await Promise.allSettled(asked);
  return Promise.all(asked);
}
