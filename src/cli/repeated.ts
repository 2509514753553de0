/** For options that may be repeated. */
export function addText(text: string, texts: readonly string[] = []): readonly string[] {
  return [...texts, text];
}
