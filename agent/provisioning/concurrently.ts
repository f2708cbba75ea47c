/**
 * Works on all of them, so many at a time, in order of their beginnings. When one throws no further one is begun; what has begun
 * ends first, so that what it did can be kept.
 * @returns what came of each that ended well, in order, and the first error
 */
export async function concurrently<T, R>(
  elements: readonly T[],
  { limit, work }: { readonly limit: number; readonly work: (element: T) => Promise<R> },
): Promise<{ readonly results: readonly R[]; readonly error: unknown }> {
  const results: { readonly at: number; readonly result: R }[] = [];
  let next = 0;
  let error: unknown;
  const run = async () => {
    while (error === undefined) {
      const at = next++;
      const element = elements[at];
      if (element === undefined) return;
      try {
        results.push({ at, result: await work(element) });
      } catch (cause) {
        error ??= cause ?? new Error("it failed without a reason");
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, elements.length) }, run));
  results.sort((a, b) => a.at - b.at);
  return { results: results.map(({ result }) => result), error };
}
