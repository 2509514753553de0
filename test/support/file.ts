// What is shared by the tests of one file, though the modules that hold it are loaded once for many files.

const ends: (() => Promise<void>)[] = [];

/** May be called at any time while a file's tests run. */
export function atEndOfFile(end: () => Promise<void>): void {
  ends.push(end);
}

export async function endFile(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}
