/** What a policy permits that its author may not have meant. */
export interface Warning {
  readonly path: string;
  readonly message: string;
}

export function warningFields(warnings: readonly Warning[]): [string, string][] {
  return warnings.map(({ path, message }, index) => [index === 0 ? "warnings" : "", `${path}: ${message}`]);
}
