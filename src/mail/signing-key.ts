import { createPrivateKey, type KeyObject } from "node:crypto";

const MOST = 100;
const opened = new Map<string, KeyObject>();

/** A key read from its PEM once: reading costs a third of what signing with it does. */
export function signingKey(pem: string): KeyObject {
  const known = opened.get(pem);
  if (known !== undefined) return known;
  const key = createPrivateKey(pem);
  if (opened.size >= MOST) opened.clear();
  opened.set(pem, key);
  return key;
}
