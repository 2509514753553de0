/** The title of what is skipped for a reason; null: it runs. */
export function titled(title: string, reason: string | null): string {
  return reason === null ? title : `${title} (skipped: ${reason})`;
}
