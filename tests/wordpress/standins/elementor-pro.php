<?php
/**
 * Plugin Name: Stand-in for Elementor Pro
 *
 * For tests only. Forms are parts of a page's _elementor_data, as in the real plugin.
 */

namespace ElementorPro\Modules\Forms\Classes {

	class Form_Record {
		private $fields;
		private $form_settings;
		private $meta;

		public function __construct( array $fields, array $settings, array $meta ) {
			$this->fields        = $fields;
			$this->form_settings = $settings;
			$this->meta          = $meta;
		}

		public function get( $property ) {
			return isset( $this->$property ) ? $this->$property : null;
		}

		public function get_form_settings( $setting ) {
			return isset( $this->form_settings[ $setting ] ) ? $this->form_settings[ $setting ] : null;
		}
	}

	class Ajax_Handler {
	}
}

namespace {
	define( 'ELEMENTOR_PRO_VERSION', '3.21.0' );

	/**
	 * Puts a form on a page. A text field has no type in what is kept: that is its first setting.
	 */
	function standin_elementor_page( $form_id, $name, array $fields ) {
		$kept = array();
		foreach ( $fields as $id => $field ) {
			$kept[] = array(
				'custom_id'   => $id,
				'field_label' => $field[1],
			) + ( 'text' === $field[0] ? array() : array( 'field_type' => $field[0] ) );
		}
		$widget = array(
			'id'         => $form_id,
			'elType'     => 'widget',
			'widgetType' => 'form',
			'settings'   => array(
				'form_name'   => $name,
				'form_fields' => $kept,
			),
			'elements'   => array(),
		);
		$column = array(
			'id'       => 'c0ffee1',
			'elType'   => 'column',
			'settings' => array(),
			'elements' => array( $widget ),
		);
		$data   = array(
			array(
				'id'       => 'c0ffee0',
				'elType'   => 'section',
				'settings' => array(),
				'elements' => array( $column ),
			),
		);
		$page   = wp_insert_post(
			array(
				'post_type'   => 'page',
				'post_status' => 'publish',
				'post_title'  => 'Page with a form',
			)
		);
		update_post_meta( $page, '_elementor_data', wp_slash( wp_json_encode( $data ) ) );
		return $page;
	}

	/**
	 * Sends a form in; fields as id => type, title, value. As Form_Record::set_fields() and the field types do in
	 * modules/forms/classes/form-record.php (3.21): "raw_value" is as posted, or the path of a file on the server; "value"
	 * is joined and sanitized.
	 */
	function standin_elementor_submit( $form_id, $name, array $fields, array $meta = array() ) {
		$record = array();
		foreach ( $fields as $id => $field ) {
			$value         = is_array( $field[2] ) ? implode( ', ', $field[2] ) : $field[2];
			$record[ $id ] = array(
				'id'        => $id,
				'type'      => $field[0],
				'title'     => $field[1],
				'value'     => in_array( $field[0], array( 'textarea', 'upload' ), true ) ? sanitize_textarea_field( $value ) : sanitize_text_field( $value ),
				'raw_value' => 'upload' === $field[0] ? array( '/var/www/uploads/elementor/forms/s3cret.pdf' ) : $field[2],
				'required'  => false,
			);
		}
		$settings = array(
			'id'        => $form_id,
			'form_name' => $name,
		);
		do_action( 'elementor_pro/forms/new_record', new \ElementorPro\Modules\Forms\Classes\Form_Record( $record, $settings, $meta ), new \ElementorPro\Modules\Forms\Classes\Ajax_Handler() );
	}
}
