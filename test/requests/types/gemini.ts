import type { Content, GenerationConfig, SafetySetting, Tool, ToolConfig } from '@google/genai'

/** As JSON has it: an enumeration's member is its text. */
type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T

/** The SDK has types for the body's fields, and none for the body. https://ai.google.dev/api/generate-content */
export type GeminiBody = Json<{
  contents: Content[]
  systemInstruction?: Content
  tools?: Tool[]
  toolConfig?: ToolConfig
  generationConfig?: GenerationConfig
  safetySettings?: SafetySetting[]
}>
