// A WebGPU adapter in words. Chrome on Linux may hand out SwiftShader without a word: an adapter
// that computes on the CPU must never pass for a GPU.

import type { WebGpuInfo } from '../../protocol/values';

export interface AdapterFacts {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  isFallback: boolean;
  shaderF16: boolean;
  maxBufferSize: number;
  maxStorageBufferBindingSize: number;
  maxComputeWorkgroupStorageSize: number;
  maxComputeInvocationsPerWorkgroup: number;
  features: string[];
  subgroupMinSize: number | undefined;
  subgroupMaxSize: number | undefined;
}

const kSoftware =
  /swiftshader|llvmpipe|lavapipe|softpipe|swrast|software|basic render|\bwarp\b|\bcpu\b/i;

export function describeAdapter(facts: AdapterFacts): WebGpuInfo {
  const { vendor, architecture, device, description } = facts;
  const names = [vendor, architecture, device, description].join(' ');
  return {
    vendor,
    architecture,
    device,
    description,
    software: facts.isFallback || kSoftware.test(names),
    shader_f16: facts.shaderF16,
    limits: {
      max_buffer_size: facts.maxBufferSize,
      max_storage_buffer_binding_size: facts.maxStorageBufferBindingSize,
      max_compute_workgroup_storage_size: facts.maxComputeWorkgroupStorageSize,
      max_compute_invocations_per_workgroup: facts.maxComputeInvocationsPerWorkgroup,
    },
    features: [...facts.features].sort(),
    // Some browsers say 0 where they know nothing.
    subgroup_min_size: facts.subgroupMinSize || null,
    subgroup_max_size: facts.subgroupMaxSize || null,
  };
}
