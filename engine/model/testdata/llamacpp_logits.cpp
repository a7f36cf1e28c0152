// llamacpp_logits: the logits of every position of one sequence, as llama.cpp computes them in F32 on one CPU thread.
//
//   llamacpp_logits MODEL.gguf IDS.txt OUT.f32 [KEY=INT]
//
// IDS.txt holds token ids separated by spaces; OUT.f32 receives n_ids * n_vocab little-endian floats. KEY=INT overrides one
// integer of the file's metadata. The KV cache is F32 and flash attention is off, so nothing but the weights' own precision and
// float32 arithmetic stands between these numbers and a float64 forward pass (and, in a stock build, the f16 GELU table).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "llama.h"

int main(int argc, char ** argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s MODEL.gguf IDS.txt OUT.f32 [KEY=INT]\n", argv[0]);
        return 2;
    }
    std::vector<llama_token> ids;
    std::ifstream in(argv[2]);
    for (int id; in >> id;) {
        ids.push_back(id);
    }

    llama_backend_init();
    llama_model_params mp = llama_model_default_params();
    mp.n_gpu_layers = 0;
    llama_model_kv_override overrides[2] = {};
    if (argc > 4) {
        const std::string arg = argv[4];
        const size_t eq = arg.find('=');
        if (eq == std::string::npos || eq >= sizeof(overrides[0].key)) {
            fprintf(stderr, "bad override %s\n", argv[4]);
            return 2;
        }
        overrides[0].tag = LLAMA_KV_OVERRIDE_TYPE_INT;
        strcpy(overrides[0].key, arg.substr(0, eq).c_str());
        overrides[0].val_i64 = atoll(arg.c_str() + eq + 1);
        mp.kv_overrides = overrides;
    }
    llama_model * model = llama_model_load_from_file(argv[1], mp);
    if (!model) {
        return 1;
    }

    llama_context_params cp = llama_context_default_params();
    cp.n_ctx = cp.n_batch = cp.n_ubatch = 256;
    cp.n_threads = cp.n_threads_batch = 1;
    cp.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    cp.type_k = cp.type_v = GGML_TYPE_F32;
    llama_context * ctx = llama_init_from_model(model, cp);
    if (!ctx) {
        return 1;
    }

    const int n = (int) ids.size();
    const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    llama_batch batch = llama_batch_init(n, 0, 1);
    batch.n_tokens = n;
    for (int i = 0; i < n; i++) {
        batch.token[i] = ids[i];
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    if (llama_decode(ctx, batch) != 0) {
        fprintf(stderr, "decode failed\n");
        return 1;
    }
    FILE * out = fopen(argv[3], "wb");
    if (!out) {
        perror(argv[3]);
        return 1;
    }
    for (int i = 0; i < n; i++) {
        fwrite(llama_get_logits_ith(ctx, i), sizeof(float), n_vocab, out);
    }
    fclose(out);
    llama_batch_free(batch);
    llama_free(ctx);
    llama_model_free(model);
    return 0;
}
