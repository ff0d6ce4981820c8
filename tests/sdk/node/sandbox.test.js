// The embedded model answers, under other models' names, as a provider would.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

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
  const schema = { type: 'object', properties: { tags: { type: 'array', uniqueItems: true } } };
  const response_format = { type: 'json_schema', json_schema: { name: 'tags', schema } };
  await assert.rejects(
    sandbox.chat.completions.create({ ...JAPAN, response_format }),
    (error) => error instanceof OpenAI.BadRequestError && error.message.includes('uniqueItems'),
  );
});

test('parse returns what the schema describes', { skip }, async () => {
  const City = z.object({ name: z.string().max(30), size: z.enum(['small', 'large']), rivers: z.array(z.string()) });
  const answer = await sandbox.chat.completions.parse({
    ...JAPAN,
    max_tokens: 300,
    response_format: zodResponseFormat(City, 'city'),
  });

  assert.ok(City.safeParse(answer.choices[0].message.parsed).success);
});

for (const stream of [false, true]) {
  test(`runTools calls the function that is named, ${stream ? 'streamed' : 'whole'}`, { skip }, async () => {
    const asked = [];
    const tool = zodFunction({
      name: 'get_weather',
      description: 'Says what the weather is like.',
      parameters: z.object({ city: z.string().max(30), unit: z.enum(['celsius', 'fahrenheit']) }),
      function: (args) => {
        asked.push(args);
        return '21 °C';
      },
    });
    const runner = sandbox.chat.completions.runTools({
      model: 'gpt-4o',
      messages: user('What is the weather in Oslo?'),
      tools: [tool],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
      max_tokens: 200,
      stream,
    });
    await runner.done();

    assert.equal(asked.length, 1);
    assert.equal(typeof asked[0].city, 'string');
    assert.ok(['celsius', 'fahrenheit'].includes(asked[0].unit));
  });
}
