// Errors arrive as the SDK's own classes, with what a program needs to act on them.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import OpenAI from 'openai';

import { MODEL, client, clientFor, user } from './gate.js';

const ask = (text, more = {}, by = client) =>
  by.chat.completions.create({ model: MODEL, messages: user(text), ...more });

// The error that `promise` is rejected with, which has to be of `type` and have these fields.
async function rejection(promise, type, fields) {
  const error = await promise.then(
    () => assert.fail('it succeeded'),
    (error) => error,
  );
  assert.ok(error instanceof type, `${error}`);
  for (const [name, value] of Object.entries(fields)) assert.equal(error[name], value, name);
  return error;
}

test('a key that is not good is an authentication error', async () => {
  for (const key of ['sk-unknown', 'no-key-at-all', process.env.SDK_TEST_REVOKED_KEY]) {
    const error = await rejection(
      ask('hello', {}, client.withOptions({ apiKey: key })),
      OpenAI.AuthenticationError,
      { status: 401, code: 'invalid_api_key', type: 'authentication_error' },
    );
    assert.ok(error.requestID, 'what a user names when asking for help');
  }
});

test('an unknown model is not found', async () => {
  const fields = { status: 404, code: 'model_not_found', param: 'model' };
  await rejection(ask('hello', { model: 'gpt-4oo' }), OpenAI.NotFoundError, fields);
  await rejection(client.models.retrieve('gpt-4oo'), OpenAI.NotFoundError, fields);
});

test('a value out of range names its parameter', async () => {
  for (const stream of [false, true]) {
    await rejection(ask('hello', { temperature: 2.1, stream }), OpenAI.BadRequestError, {
      status: 400,
      param: 'temperature',
      code: 'decimal_above_max_value',
    });
  }
});

test('what the provider refuses keeps its parameter and code', async () => {
  await rejection(ask('refuse', { seed: 13 }), OpenAI.BadRequestError, { param: 'seed', code: 'bad_seed' });
});

test('a rate limit says when to come back', async () => {
  const error = await rejection(ask('rate limit', { model: 'gpt-4o-mini' }), OpenAI.RateLimitError, {
    status: 429,
    code: 'rate_limit_exceeded',
  });
  assert.ok(Number(error.headers.get('retry-after')) >= 1);
});

test('a rate limit that passes is survived by the SDK’s own retry', async () => {
  const answer = await ask(`rate limit once: ${randomUUID()}`, {}, client.withOptions({ maxRetries: 2 }));
  assert.equal(answer.choices[0].message.content, 'Hello from the provider.');
});

test('an overloaded provider is a 503', async () => {
  await rejection(ask('overloaded'), OpenAI.InternalServerError, { status: 503, type: 'server_error' });
});

test('a key at its concurrency is a rate limit and free again afterwards', async () => {
  const single = clientFor('SDK_TEST_SINGLE_KEY_NODE');
  const stream = await ask('stall', { stream: true }, single);

  await rejection(ask('hello', {}, single), OpenAI.RateLimitError, { code: 'concurrency_limit_exceeded' });

  stream.controller.abort();
  // The gate learns from the closed connection that the first stream is gone.
  const answer = await ask('hello', {}, single.withOptions({ maxRetries: 4 }));
  assert.equal(answer.choices[0].message.content, 'Hello from the provider.');
});

test('a client that waits no longer gets its own timeout', async () => {
  const impatient = client.withOptions({ timeout: 100 });
  await rejection(ask('silence', {}, impatient), OpenAI.APIConnectionTimeoutError, {});
});
