import { createHash, generateKeyPairSync } from 'node:crypto'
import { SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { CallContext, Caller } from '../../src/domain/calls/call.ts'
import { CallRecord } from '../../src/domain/calls/call-record.ts'
import { Cancellation } from '../../src/domain/cancellation.ts'
import { GatewayError } from '../../src/domain/errors/error.ts'
import { createAuthenticator } from '../../src/identity/authenticator.ts'
import type { AuthSettings, JwtSettings } from '../../src/identity/settings.ts'
import { FakeClock } from '../support/fake-clock.ts'

const secret = 'a secret of thirty-two bytes....'
const webKey = 'the-key-of-the-web'
const keys = [
  { name: 'web', sha256: createHash('sha256').update(webKey).digest('hex'), admin: false },
  { name: 'ops', sha256: createHash('sha256').update('the-key-of-ops').digest('hex'), admin: true },
]

/** A gateway's callers, and a clock to turn. */
function world(auth: AuthSettings = { kind: 'required', keys, jwt: { secret } }) {
  const clock = new FakeClock()
  const callers = createAuthenticator(auth, { clock })
  const seconds = (offset: number) => Math.floor(clock.wall() / 1000) + offset
  const context = (credential?: string, headers: Record<string, string> = {}): CallContext => ({
    requestId: 'r',
    credential,
    deadline: 0,
    cancellation: new Cancellation(),
    peer: '127.0.0.1:1',
    record: new CallRecord(clock),
    requestBytes: new Uint8Array(),
    header: (name) => headers[name],
  })
  return {
    clock,
    seconds,
    identify: async (credential?: string, headers?: Record<string, string>): Promise<Caller> =>
      callers.identify(context(credential, headers)),
    identifyNow: (credential: string) => callers.identify(context(credential)),
    sign: (payload: Record<string, unknown>, key = secret, alg = 'HS256') =>
      new SignJWT({ sub: 'ann', exp: seconds(3600), ...payload })
        .setProtectedHeader({ alg })
        .sign(new TextEncoder().encode(key)),
  }
}

const withJwt = (jwt: Partial<JwtSettings>) => world({ kind: 'required', keys: [], jwt: { secret, ...jwt } })

const refusal = {
  reason: 'UNAUTHENTICATED',
  message: 'A valid API key or token is required. Send it as "authorization: Bearer <credential>".',
  fallback: false,
  retry: false,
  facts: {},
}

describe('an API key', () => {
  it.each([
    [`Bearer ${webKey}`, {}, { name: 'web', admin: false }],
    [`bearer ${webKey}`, {}, { name: 'web', admin: false }],
    [`BEARER  ${webKey} `, {}, { name: 'web', admin: false }],
    ['Bearer the-key-of-ops', {}, { name: 'ops', admin: true }],
    [undefined, { 'x-api-key': webKey }, { name: 'web', admin: false }],
    ['', { 'x-api-key': webKey }, { name: 'web', admin: false }],
    ['Bearer the-key-of-ops', { 'x-api-key': webKey }, { name: 'ops', admin: true }],
  ])('%j with %j', async (credential, headers, caller) => {
    expect(await world().identify(credential, headers)).toMatchObject(caller)
  })

  it('is known without waiting', () => {
    expect(world().identifyNow(`Bearer ${webKey}`)).toMatchObject({ name: 'web', admin: false })
  })

  it.each([
    [undefined, {}],
    ['', {}],
    ['Bearer', {}],
    ['Bearer ', {}],
    [webKey, {}],
    [`Basic ${webKey}`, {}],
    [`Bearer${webKey}`, {}],
    [`Bearer ${webKey}x`, {}],
    [`Bearer ${webKey.slice(0, -1)}`, {}],
    [`Bearer ${webKey.toUpperCase()}`, {}],
    [`Bearer ${keys[0]?.sha256}`, {}],
    ['Bearer unknown', { 'x-api-key': webKey }],
    [`Basic ${webKey}`, { 'x-api-key': webKey }],
    [undefined, { 'x-api-key': `Bearer ${webKey}` }],
    [undefined, { 'x-api-key': '' }],
    ['Bearer constructor', {}],
  ])('%j with %j is refused', async (credential, headers) => {
    await expect(world().identify(credential, headers)).rejects.toMatchObject(refusal)
    await expect(world({ kind: 'required', keys }).identify(credential, headers)).rejects.toMatchObject(refusal)
  })

  it('of 8192 characters is looked at, a longer one is not', async () => {
    const key = 'k'.repeat(8192)
    const settings = [key, `${key}k`].map((text, index) => ({
      name: `long-${index}`,
      sha256: createHash('sha256').update(text).digest('hex'),
      admin: false,
    }))
    const { identify } = world({ kind: 'required', keys: settings })
    expect(await identify(`Bearer ${key}`)).toMatchObject({ name: 'long-0', admin: false })
    await expect(identify(`Bearer ${key}k`)).rejects.toMatchObject(refusal)
  })
})

describe('a token', () => {
  it.each([
    [{}, { name: 'ann', admin: false }],
    [{ admin: true }, { name: 'ann', admin: true }],
    [{ admin: 'true' }, { name: 'ann', admin: false }],
    [{ admin: 1 }, { name: 'ann', admin: false }],
    [{ scope: 'chat admin' }, { name: 'ann', admin: true }],
    [{ scope: 'administrator' }, { name: 'ann', admin: false }],
    [{ scope: ['admin'] }, { name: 'ann', admin: false }],
    [{ sub: 'ü'.repeat(256) }, { name: 'ü'.repeat(256), admin: false }],
    [
      { aud: 'anyone', iss: 'anyone' },
      { name: 'ann', admin: false },
    ],
  ])('with %j', async (payload, caller) => {
    const { identify, sign } = world()
    expect(await identify(`Bearer ${await sign(payload)}`)).toMatchObject(caller)
    expect(await identify(undefined, { 'x-api-key': await sign(payload) })).toMatchObject(caller)
  })

  it('whose sub is the name of an API key has another name', async () => {
    const { identify, sign } = world()
    for (const [sub, name] of [
      ['web', 'jwt:web'],
      ['jwt:web', 'jwt:jwt:web'],
      ['ann', 'ann'],
    ]) {
      expect(await identify(`Bearer ${await sign({ sub })}`)).toMatchObject({ name })
    }
  })

  it.each([
    [{ exp: undefined }],
    [{ exp: 'tomorrow' }],
    [{ sub: undefined }],
    [{ sub: '' }],
    [{ sub: 7 }],
    [{ sub: 'a\nb' }],
    [{ sub: 'x'.repeat(257) }],
    [{ nbf: 'soon' }],
  ])('with %j is refused', async (payload) => {
    const { identify, sign } = world()
    await expect(identify(`Bearer ${await sign(payload)}`)).rejects.toMatchObject(refusal)
  })

  it.each([
    ['exp', -29, true],
    ['exp', -30, false],
    ['exp', -90, false],
    ['nbf', 30, true],
    ['nbf', 31, false],
    ['nbf', 90, false],
  ])('whose %s is %i s from now: %s', async (claim, offset, accepted) => {
    const { identify, sign, seconds } = world()
    const answer = identify(`Bearer ${await sign({ [claim]: seconds(offset) })}`)
    if (accepted) expect(await answer).toMatchObject({ name: 'ann', admin: false })
    else await expect(answer).rejects.toMatchObject(refusal)
  })

  it.each([
    [{ issuer: 'me' }, { iss: 'me' }, true],
    [{ issuer: 'me' }, { iss: 'you' }, false],
    [{ issuer: 'me' }, {}, false],
    [{ audience: 'gateway' }, { aud: 'gateway' }, true],
    [{ audience: 'gateway' }, { aud: ['other', 'gateway'] }, true],
    [{ audience: 'gateway' }, { aud: 'other' }, false],
    [{ audience: 'gateway' }, {}, false],
  ])('where %j is asked, with %j: %s', async (jwt, payload, accepted) => {
    const { identify, sign } = withJwt(jwt)
    const answer = identify(`Bearer ${await sign(payload)}`)
    if (accepted) expect(await answer).toMatchObject({ name: 'ann', admin: false })
    else await expect(answer).rejects.toMatchObject(refusal)
  })

  it('that somebody forged is refused', async () => {
    const { identify, sign, seconds } = world()
    const claims = { sub: 'ann', exp: seconds(3600) }
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const genuine = await sign({})
    const [header = '', payload = '', signature = ''] = genuine.split('.')
    const raised = Buffer.from(JSON.stringify({ ...claims, admin: true })).toString('base64url')
    const forged = [
      new UnsecuredJWT(claims).encode(),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.${signature}`,
      await sign({}, pem),
      await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey),
      await sign({}, secret.repeat(2), 'HS512'),
      await sign({}, `${secret.slice(0, -1)}!`),
      `${header}.${raised}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${genuine}.x`,
      '..',
      'a.b.c',
      genuine.toUpperCase(),
    ]
    for (const token of forged) await expect(identify(`Bearer ${token}`), token).rejects.toMatchObject(refusal)
    expect(await identify(`Bearer ${genuine}`)).toMatchObject({ name: 'ann', admin: false })
  })

  it.each(['HS384', 'HS512'])('signed with the secret, but with the other algorithm %s, is refused', async (alg) => {
    const long = secret.repeat(2)
    const { identify, sign } = withJwt({ secret: long })
    expect(await identify(`Bearer ${await sign({}, long)}`)).toMatchObject({ name: 'ann', admin: false })
    await expect(identify(`Bearer ${await sign({}, long, alg)}`)).rejects.toMatchObject(refusal)
  })

  it('of more than 8192 characters is refused, whatever it holds', async () => {
    const { identify, sign } = world()
    const fits = await sign({ filler: 'x'.repeat(5900) })
    const huge = await sign({ filler: 'x'.repeat(6100) })
    expect([fits.length <= 8192, huge.length > 8192]).toEqual([true, true])
    expect(await identify(`Bearer ${fits}`)).toMatchObject({ name: 'ann', admin: false })
    await expect(identify(`Bearer ${huge}`)).rejects.toMatchObject(refusal)
  })

  it('is known without waiting from its second call on, until it expires', async () => {
    const { identify, identifyNow, sign, seconds, clock } = world()
    const credential = `Bearer ${await sign({ exp: seconds(60) })}`
    expect(identifyNow(credential)).toBeInstanceOf(Promise)
    await identify(credential)
    expect(identifyNow(credential)).toMatchObject({ name: 'ann', admin: false })
    await clock.advance(88_000)
    expect(identifyNow(credential)).toMatchObject({ name: 'ann', admin: false })
    await clock.advance(2_000)
    await expect(identify(credential)).rejects.toMatchObject(refusal)
  })

  it('is refused where only keys are configured', async () => {
    const { identify, sign } = world({ kind: 'required', keys })
    await expect(identify(`Bearer ${await sign({})}`)).rejects.toMatchObject(refusal)
  })
})

describe('without authentication', () => {
  it.each([true, false])('everybody is an admin (stated: %s)', async (stated) => {
    const { identify } = world({ kind: 'none', stated })
    const anonymous = { id: 'anonymous', name: 'anonymous', admin: true, anonymous: true }
    expect(await identify(undefined)).toEqual(anonymous)
    expect(await identify('Bearer whatever')).toEqual(anonymous)
  })
})

it('a refusal is an error of the gateway that keeps nothing of the credential', async () => {
  const error = await world()
    .identify('Bearer a.canary.c')
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(GatewayError)
  expect(JSON.stringify(error) + String(error) + String((error as GatewayError).cause)).not.toContain('canary')
})
