/** One step of the schema. Never changed once released: a later step corrects it. */
export interface Migration {
  /** Consecutive from 1. */
  readonly number: number;
  readonly name: string;
  /** Statements in order; all steps of one start run in one transaction. */
  readonly statements: readonly string[];
}
