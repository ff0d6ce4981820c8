// The embedded model answers, under other models' names, as a provider would.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { sandbox, user } from './gate.js';

const skip = sandbox ? false : 'no embedded model';
const JAPAN = {
  model: 'claude-sonnet-4-6',
  messages: user('What is the capital of Japan?'),
  temperature: 0,
  max_tokens: 24,
};

test('a stream says what a whole answer says', { skip }, async () => {
  const whole = await sandbox.chat.completions.create(JAPAN);
  const streamed = await sandbox.chat.completions.stream(JAPAN).finalChatCompletion();

  assert.match(whole.choices[0].message.content, /Tokyo/);
  assert.equal(whole.model, JAPAN.model);
  assert.equal(streamed.choices[0].message.content, whole.choices[0].message.content);
});

test('its answer may be sent back', { skip }, async () => {
  const first = await sandbox.chat.completions.create(JAPAN);
  const messages = [...JAPAN.messages, first.choices[0].message, ...user('And of France?')];

  const second = await sandbox.chat.completions.create({ ...JAPAN, messages, max_tokens: 8 });
  assert.ok(second.choices[0].message.content);
});

test('what it cannot do is a 400 that names it', { skip }, async () => {
  await assert.rejects(
    sandbox.chat.completions.create({ ...JAPAN, model: 'gpt-4o', logprobs: true }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === 'logprobs',
  );
});
