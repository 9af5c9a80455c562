"""The files of Keras 2.6 to 3, whose paths editors write into imports: `keras.src.layers.core.dense` and so on.

Each holds names that one of our packages has, so that the files need no module of their own.
"""

from __future__ import annotations

# Package, or folder within it → its files. A folder's names are those of the package.
_FOLDERS = {
    "activations": "activations",
    "callbacks": """
        callback learning_rate_scheduler model_checkpoint orbax_checkpoint progbar_logger reduce_lr_on_plateau
        terminate_on_nan
    """,
    "constraints": "constraints",
    "distillation": "distillation_loss distiller",
    "dtype_policies": "dtype_policy dtype_policy_map",
    "export": "export_lib",
    "initializers": "constant_initializers initializer random_initializers",
    "layers": "activations input_spec layer locally_connected serialization",
    "layers.activation": "elu leaky_relu prelu relu softmax thresholded_relu",
    "layers.activations": "activation elu leaky_relu prelu relu softmax",
    "layers.attention": "additive_attention grouped_query_attention",
    "layers.convolutional": """
        conv1d conv1d_transpose conv2d conv2d_transpose conv3d conv3d_transpose depthwise_conv1d depthwise_conv2d
        separable_conv1d separable_conv2d
    """,
    "layers.core": "activation dense embedding identity input_layer masking wrapper",
    "layers.locally_connected": "locally_connected1d locally_connected2d",
    "layers.merging": "add average concatenate dot maximum minimum multiply subtract",
    "layers.normalization": "group_normalization rms_normalization unit_normalization",
    "layers.pooling": """
        adaptive_average_pooling1d adaptive_average_pooling2d adaptive_average_pooling3d adaptive_max_pooling1d
        adaptive_max_pooling2d adaptive_max_pooling3d average_pooling1d average_pooling2d average_pooling3d
        global_average_pooling1d global_average_pooling2d global_average_pooling3d global_max_pooling1d
        global_max_pooling2d global_max_pooling3d max_pooling1d max_pooling2d max_pooling3d
    """,
    "layers.preprocessing": "mel_spectrogram stft_spectrogram",
    "layers.preprocessing.image_preprocessing": """
        aug_mix auto_contrast center_crop clahe cut_mix equalization max_num_bounding_box mix_up rand_augment
        random_brightness random_color_degeneration random_color_jitter random_contrast random_crop
        random_elastic_transform random_erasing random_flip random_gaussian_blur random_grayscale random_hue
        random_invert random_perspective random_posterization random_rotation random_saturation random_sharpness
        random_shear random_translation random_zoom solarization
    """,
    "layers.regularization": """
        activity_regularization alpha_dropout dropout gaussian_dropout gaussian_noise spatial_dropout
        spatial_dropout1d spatial_dropout2d spatial_dropout3d
    """,
    "layers.reshaping": """
        cropping1d cropping2d cropping3d flatten permute repeat_vector reshape up_sampling1d up_sampling2d
        up_sampling3d zero_padding1d zero_padding2d zero_padding3d
    """,
    "layers.rnn": """
        abstract_rnn_cell base_rnn base_wrapper bidirectional conv_lstm1d conv_lstm2d conv_lstm3d cudnn_gru cudnn_lstm
        gru lstm rnn simple_rnn stacked_rnn_cells time_distributed
    """,
    "losses": "loss losses",
    "metrics": """
        accuracy_metrics base_metric confusion_metrics correlation_metrics f_score_metrics hinge_metrics iou_metrics
        metric probabilistic_metrics reduction_metrics regression_metrics
    """,
    "mixed_precision": "loss_scale_optimizer policy",
    "optimizers": """
        adadelta adadelta_v2 adafactor adagrad adagrad_v2 adam_v2 adamax adamax_v2 adamw ftrl gradient_descent_v2 lamb
        lion loss_scale_optimizer multi_optimizer muon nadam nadam_v2 optimizer rmsprop rmsprop_v2 schedule_free_adamw
    """,
    "optimizers.legacy": "adadelta adagrad adam adamax ftrl gradient_descent nadam rmsprop",
    "optimizers.optimizer_v2": "adadelta adagrad adam adamax ftrl gradient_descent nadam rmsprop",
    "optimizer_v2": "adadelta adagrad adam adamax ftrl gradient_descent nadam rmsprop",
    "quantizers": "quantizers",
    "random": "random seed_generator",
    "regularizers": "regularizers",
    "saving": "object_registration serialization_lib",
    "visualization": """
        draw_bounding_boxes draw_segmentation_masks plot_bounding_box_gallery plot_image_gallery
        plot_segmentation_mask_gallery
    """,
    "wrappers": "sklearn_wrapper",
}

_PACKAGES = {"optimizer_v2": "optimizers", "optimizers.legacy": "optimizers.legacy"}

FILES = {
    f"{folder}.{file}": _PACKAGES.get(folder, folder.partition(".")[0])
    for folder, files in _FOLDERS.items()
    for file in files.split()
}
