import { DNS_BUDGET, type DnsBudget } from "../mail/dns.ts";

/** Messages that may wait for DNS with the whole of their time. */
const PATIENT = 20;

const HURRIED: DnsBudget = Object.freeze({ ...DNS_BUDGET, ms: 1_000 });

/**
 * The time DNS gets for a message: all of it, unless many wait already. Sixty messages of a domain that never answers
 * would else take every place at the door for five seconds; so most places are free again after one.
 */
export class Patience {
  #waiting = 0;

  async during<T>(work: (budget: DnsBudget) => Promise<T>): Promise<T> {
    this.#waiting += 1;
    try {
      return await work(this.#waiting > PATIENT ? HURRIED : DNS_BUDGET);
    } finally {
      this.#waiting -= 1;
    }
  }
}
