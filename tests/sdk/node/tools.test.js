// Tools and structured output: the SDK's own loops and schemas, and the way back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { MODEL, client, user } from './gate.js';

const Event = z.object({ name: z.string(), day: z.string(), people: z.array(z.string()) });
const EXPECTED = { name: 'Science fair', day: 'Friday', people: ['Ada', 'Grace'] };

const getWeather = (asked) =>
  zodFunction({
    name: 'get_weather',
    description: 'Says what the weather is like.',
    parameters: z.object({ city: z.string() }),
    function: ({ city }) => {
      asked.push(city);
      return '21 °C';
    },
  });

test('a tool is called and its result answered', async () => {
  const tools = [getWeather([])];
  const messages = user('weather');
  const first = await client.chat.completions.create({ model: MODEL, messages, tools });
  const [call] = first.choices[0].message.tool_calls;

  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Oslo' });

  messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: '21 °C' });
  const second = await client.chat.completions.create({ model: MODEL, messages, tools });
  assert.equal(second.choices[0].message.content, 'It is 21 °C.');
});

for (const stream of [false, true]) {
  test(`runTools goes all the way, ${stream ? 'streamed' : 'whole'}`, async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: MODEL,
      messages: user('weather'),
      tools: [getWeather(asked)],
      stream,
    });

    assert.equal(await runner.finalContent(), 'It is 21 °C.');
    assert.deepEqual(asked, ['Oslo']);
  });
}

test('parse returns what the schema describes', async () => {
  const answer = await client.chat.completions.parse({
    model: MODEL,
    messages: user('event'),
    response_format: zodResponseFormat(Event, 'event'),
  });

  assert.deepEqual(answer.choices[0].message.parsed, EXPECTED);
});

test('the stream helper parses at the end', async () => {
  const stream = client.chat.completions.stream({
    model: MODEL,
    messages: user('event'),
    response_format: zodResponseFormat(Event, 'event'),
  });

  assert.deepEqual((await stream.finalChatCompletion()).choices[0].message.parsed, EXPECTED);
});
