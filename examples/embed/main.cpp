#include <webpool/pool.h>

#include <cstdio>
#include <vector>

int main() {
  auto pool = webpool::ResourcePool::open({});
  auto model = pool ? (*pool)->load("all-minilm-l6-v2") : std::unexpected(pool.error());
  const std::vector<std::string> texts{"A cat sits on the mat.", "A kitten rests on the rug."};
  auto result = model ? model->embed(texts) : std::unexpected(model.error());
  if (!result) return std::fprintf(stderr, "%s\n", result.error().describe().c_str()), 1;
  std::printf("%.3f\n", webpool::cosineSimilarity(result->vectors[0], result->vectors[1]));
}
