// Tool exchanges while the model thinks, one of each protocol, through the SDK's own loop. The provider
// refuses a turn whose signatures or thoughts are missing, as the real ones do.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';

import { all, textOf, thinkers, user } from './gate.js';

const MODELS = [
  'claude-sonnet-4-6',
  'claude-sonnet-4-5-20250929',
  'gemini-3-flash-preview',
  'gpt-5-3-codex',
  'deepseek-v4-flash',
  'kimi-k2.5',
  'minimax-m2.5',
];

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

for (const model of MODELS) {
  for (const stream of [false, true]) {
    test(`${model} goes through a tool exchange, ${stream ? 'streamed' : 'whole'}`, async () => {
      const asked = [];
      const runner = thinkers.chat.completions.runTools({
        model,
        messages: user('weather'),
        tools: [getWeather(asked)],
        reasoning_effort: 'high',
        stream,
      });

      assert.equal(await runner.finalContent(), 'It is 21 °C.');
      assert.deepEqual(asked, ['Oslo']);
    });
  }

  test(`${model} goes on when the application keeps only what OpenAI documents`, async () => {
    const request = { model, messages: user('weather'), tools: [getWeather([])], reasoning_effort: 'high' };
    const { message } = (await thinkers.chat.completions.create(request)).choices[0];
    const [{ id, type, function: called }] = message.tool_calls;
    request.messages.push(
      { role: 'assistant', content: null, tool_calls: [{ id, type, function: called }] },
      { role: 'tool', tool_call_id: id, content: '21 °C' },
    );

    const chunks = await all(await thinkers.chat.completions.create({ ...request, stream: true }));

    assert.equal(textOf(chunks), 'It is 21 °C.');
  });
}
