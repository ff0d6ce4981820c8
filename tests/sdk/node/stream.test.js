// Streams: the plain iterator, and the helper that puts the pieces together.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { MODEL, all, client, textOf, user } from './gate.js';

test('a stream brings the text in pieces and ends with a finish', async () => {
  const chunks = await all(
    await client.chat.completions.create({ model: MODEL, messages: user('hello'), stream: true }),
  );

  assert.equal(textOf(chunks), 'Hello from the provider.');
  assert.equal(chunks.filter((chunk) => chunk.choices[0].delta.content).length, 4, 'as they came');
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  assert.ok(chunks.every((chunk) => chunk.model === MODEL));
  assert.ok(chunks.every((chunk) => !('usage' in chunk)), 'usage was not asked for');
});

test('usage comes once and last where it is asked for', async () => {
  const chunks = await all(
    await client.chat.completions.create({
      model: MODEL,
      messages: user('hello'),
      stream: true,
      stream_options: { include_usage: true },
    }),
  );

  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.total_tokens, 29);
  assert.ok(chunks.every((chunk) => chunk.usage === null));
});

test('the helper puts the answer together', async () => {
  const stream = client.chat.completions.stream({ model: MODEL, messages: user('hello') });
  const pieces = [];
  stream.on('content', (delta) => pieces.push(delta));

  assert.equal(await stream.finalContent(), 'Hello from the provider.');
  assert.equal(pieces.join(''), 'Hello from the provider.');
  assert.equal((await stream.finalChatCompletion()).choices[0].finish_reason, 'stop');
});

test('a pause of the provider is bridged by comments, which nobody sees', async () => {
  const chunks = await all(
    await client.chat.completions.create({ model: MODEL, messages: user('pause'), stream: true }),
  );

  assert.equal(textOf(chunks), 'before and after');
});

test('a stream that is cut throws after its text', async () => {
  const stream = await client.chat.completions.create({ model: MODEL, messages: user('cut'), stream: true });
  const said = [];

  await assert.rejects(
    async () => {
      for await (const chunk of stream) said.push(chunk);
    },
    (error) => error instanceof OpenAI.APIError && error.code === 'provider_stream_cut',
  );
  assert.equal(textOf(said), 'half a sentence');
});

test('a client that leaves a stream can go on', async () => {
  const stream = await client.chat.completions.create({ model: MODEL, messages: user('stall'), stream: true });
  for await (const chunk of stream) {
    if (textOf([chunk]) === 'a beginning') break;
  }

  const answer = await client.chat.completions.create({ model: MODEL, messages: user('hello') });
  assert.equal(answer.choices[0].message.content, 'Hello from the provider.');
});
