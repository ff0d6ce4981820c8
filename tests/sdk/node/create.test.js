// `create` without a stream, and what comes with an answer.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MODEL, client, user } from './gate.js';

test('an answer comes under the name that was asked for', async () => {
  const answer = await client.chat.completions.create({ model: MODEL, messages: user('hello') });

  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.model, MODEL);
  assert.equal(answer.choices[0].message.content, 'Hello from the provider.');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.total_tokens, 29);
});

test('the response names the request twice', async () => {
  const { data, response, request_id } = await client.chat.completions
    .create({ model: MODEL, messages: user('hello') }, { headers: { 'x-request-id': 'order-66' } })
    .withResponse();

  assert.equal(data.choices[0].message.content, 'Hello from the provider.');
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.equal(request_id, 'order-66');
  assert.ok(response.headers.get('x-tollgate-request-id'));
});

test('an answer that is sent back as it came is taken', async () => {
  for (const model of [MODEL, 'deepseek-v4-flash']) {
    const messages = user('think');
    const first = await client.chat.completions.create({ model, messages });
    messages.push(first.choices[0].message, ...user('hello'));

    const second = await client.chat.completions.create({ model, messages });
    assert.equal(second.choices[0].message.content, 'Hello from the provider.');
  }
});

test('models are listed and retrieved', async () => {
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);

  assert.deepEqual(listed.sort(), ['deepseek-v4-flash', 'gpt-4o', 'gpt-4o-mini']);
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
});
