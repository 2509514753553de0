/** Names under which private keys and passwords are kept. `.pem` alone may be a certificate. */
const NAMES =
  /^(?:id_(?:rsa|dsa|ecdsa|ed25519)|.{1,80}\.(?:p12|pfx|kdbx|ppk|jks|keystore)|(?:.{1,80}[-_.])?priv(?:ate)?(?:[-_.]?key)?\.(?:pem|key|der)|\.env(?:\.[a-z]{1,20})?|\.netrc|\.pgpass|\.htpasswd|\.git-credentials|credentials(?:\.json)?|service[-_]account.{0,60}\.json|wallet\.dat)$/i;

/** Templates that hold no values. */
const TEMPLATES = /\.(?:example|sample|template|dist)$/i;

/** True for the name of an attachment that is a secret whatever its bytes look like. */
export function isKeyFile(name: string): boolean {
  return name.length <= 120 && NAMES.test(name.trim()) && !TEMPLATES.test(name.trim());
}
