<?php
/**
 * Plugin Name: Stand-in for Elementor Pro
 *
 * For tests only. Forms are parts of a page's _elementor_data, as in the real plugin. As seen on its free fork PRO Elements
 * 3.33.1 (Form_Record in modules/forms/classes/form-record.php):
 *
 * - Every field of the form is in the record, those without input too. "raw_value" is as posted without slashes, or the path of
 *   a file on the server; "value" is joined by ", " and sanitized by its type.
 * - Numbers are whole numbers. Files that are attached to an e-mail have the value "attached".
 * - The page is known only if the form collects it.
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

	function standin_elementor_sanitize( $type, $value ) {
		switch ( $type ) {
			case 'text':
			case 'password':
			case 'hidden':
			case 'search':
			case 'checkbox':
			case 'radio':
			case 'select':
				return sanitize_text_field( $value );
			case 'url':
				return esc_url_raw( $value );
			case 'textarea':
				return sanitize_textarea_field( $value );
			case 'email':
				return sanitize_email( $value );
			case 'number':
				return intval( $value );
		}
		return $value;
	}

	/**
	 * Sends a form in; fields as id => type, title and, if it was posted, value.
	 */
	function standin_elementor_submit( $form_id, $name, array $fields, array $meta = array() ) {
		$record = array();
		foreach ( $fields as $id => $field ) {
			$posted        = isset( $field[2] ) ? $field[2] : null;
			$record[ $id ] = array(
				'id'        => $id,
				'type'      => $field[0],
				'title'     => $field[1],
				'value'     => null === $posted ? '' : standin_elementor_sanitize( $field[0], is_array( $posted ) ? implode( ', ', $posted ) : $posted ),
				'raw_value' => null === $posted ? '' : $posted,
				'required'  => false,
			);
			if ( 'upload' === $field[0] ) {
				$record[ $id ]['raw_value'] = '/var/www/uploads/elementor/forms/s3cret.pdf';
			}
		}
		$settings = array(
			'id'        => $form_id,
			'form_name' => $name,
		);
		do_action( 'elementor_pro/forms/new_record', new \ElementorPro\Modules\Forms\Classes\Form_Record( $record, $settings, $meta ), new \ElementorPro\Modules\Forms\Classes\Ajax_Handler() );
	}
}
