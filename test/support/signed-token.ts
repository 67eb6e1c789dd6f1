import { type JWTPayload, SignJWT } from 'jose'

/** A token with these claims that is valid for a minute. */
export function signedToken(secret: string, claims: JWTPayload): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 60
  return new SignJWT({ exp, ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
}
