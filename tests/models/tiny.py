"""Tiny detectors of each family, with random weights, for tests."""

RT_DETR_V2 = {
    "family": "rt_detr_v2",
    "config": {
        "backbone_config": {
            "model_type": "rt_detr_resnet",
            "embedding_size": 16,
            "hidden_sizes": [16, 24, 32, 40],
            "depths": [1, 1, 1, 1],
            "layer_type": "basic",
            "out_indices": [2, 3, 4],
        },
        "encoder_in_channels": [24, 32, 40],
        "encoder_hidden_dim": 32,
        "encoder_ffn_dim": 48,
        "encoder_attention_heads": 4,
        "hidden_expansion": 0.5,
        "decoder_in_channels": [32, 32, 32],
        "d_model": 32,
        "decoder_ffn_dim": 48,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "num_queries": 20,
        "num_denoising": 8,
    },
    "train_backbone_norm": True,
}

D_FINE = {
    "family": "d_fine",
    "config": {
        "backbone_config": {
            "model_type": "hgnet_v2",
            "stem_channels": [3, 8, 16],
            "stage_in_channels": [16, 32, 48, 64],
            "stage_mid_channels": [8, 16, 16, 16],
            "stage_out_channels": [32, 48, 64, 80],
            "stage_num_blocks": [1, 1, 1, 1],
            "stage_downsample": [False, True, True, True],
            "stage_light_block": [False, False, True, True],
            "stage_kernel_size": [3, 3, 5, 5],
            "stage_numb_of_layers": [1, 1, 1, 1],
            "hidden_sizes": [32, 48, 64, 80],
            "depths": [1, 1, 1, 1],
            "out_indices": [2, 3, 4],
        },
        "encoder_in_channels": [48, 64, 80],
        "encoder_hidden_dim": 32,
        "encoder_ffn_dim": 48,
        "encoder_attention_heads": 4,
        "hidden_expansion": 0.5,
        "decoder_in_channels": [32, 32, 32],
        "d_model": 32,
        "decoder_ffn_dim": 48,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "decoder_n_points": [3, 6, 3],
        "num_queries": 20,
        "num_denoising": 8,
    },
    "train_backbone_norm": True,
}


def deformable_detr(*, two_stage: bool) -> dict:
    return {
        "family": "deformable_detr",
        "config": {
            "backbone_config": {
                "model_type": "resnet",
                "embedding_size": 16,
                "hidden_sizes": [16, 24, 32, 40],
                "depths": [1, 1, 1, 1],
                "layer_type": "basic",
                "out_indices": [2, 3, 4],
            },
            "d_model": 32,
            "encoder_layers": 2,
            "decoder_layers": 2,
            "encoder_attention_heads": 4,
            "decoder_attention_heads": 4,
            "encoder_ffn_dim": 48,
            "decoder_ffn_dim": 48,
            "num_queries": 20,
            "two_stage_num_proposals": 20,
            "dropout": 0.0,
            "auxiliary_loss": True,
            "two_stage": two_stage,
            "with_box_refine": two_stage,
        },
        "train_backbone_norm": True,
    }


FAMILIES = {
    "rt_detr_v2": RT_DETR_V2,
    "d_fine": D_FINE,
    "deformable_detr": deformable_detr(two_stage=False),
    "deformable_detr_two_stage": deformable_detr(two_stage=True),
}
