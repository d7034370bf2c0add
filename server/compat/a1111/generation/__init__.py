"""Pictures in AUTOMATIC1111's words: txt2img, img2img and extras, each a job that is waited for."""
